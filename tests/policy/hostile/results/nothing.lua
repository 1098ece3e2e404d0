-- No result.
-- expect: bad_result
function decide(input) end
