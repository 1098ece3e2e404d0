-- A library within the result.
-- expect: bad_result
function decide(input) return { allow = false, obligations = { x = table } } end
