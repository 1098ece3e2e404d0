-- An array with holes.
-- expect: bad_result
function decide(input) return { allow = false, redact = { "/a", nil, "/c" } } end
