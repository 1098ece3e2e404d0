-- A function within the result.
-- expect: bad_result
function decide(input) return { allow = false, obligations = { f = decide } } end
