-- A bare true.
-- expect: bad_result
function decide(input) return true end
