-- The input as the result.
-- expect: bad_result
function decide(input) return input end
