-- Fewer arguments than specifiers.
-- expect: runtime_error
function decide(input) return { allow = false, reason = string.format("%s %s", 1) } end
