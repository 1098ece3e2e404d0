-- Zero bytes in a width'ed text.
-- expect: runtime_error|decision
function decide(input) return { allow = false, reason = string.format("%5s|%s|%c", "a\0b", "\0", 0) } end
