-- A zero byte is valid UTF-8, and hides what follows from C.
-- expect: bad_result|decision
function decide(input) return { allow = false, reason = "no\0yes", ["allow\0"] = true } end
