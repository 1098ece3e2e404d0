-- Builtins shadowed by the chunk stay its own affair.
-- expect: {"allow":false,"reason":"mine"}
local real = tostring
function tostring(v) return "mine" end
function decide(input) return { allow = false, reason = tostring(1) } end
