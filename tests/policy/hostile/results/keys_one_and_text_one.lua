-- 1 and "1" are one key in JSON.
-- expect: bad_result
function decide(input) return { allow = false, obligations = { [1] = "a", ["1"] = "b" } } end
