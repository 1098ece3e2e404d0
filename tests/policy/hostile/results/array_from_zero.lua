-- An array that starts elsewhere.
-- expect: bad_result
function decide(input) return { allow = false, redact = { [0] = "/a", "/b" } } end
