-- NaN.
-- expect: bad_result
function decide(input) return { allow = false, obligations = { x = 0 / 0 } } end
