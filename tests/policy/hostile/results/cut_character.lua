-- Half of a character at the end.
-- expect: bad_result
function decide(input) return { allow = false, reason = ("é"):sub(1, 1) } end
