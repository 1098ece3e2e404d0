-- Lua before 5.4.8 compiles this wrongly: the rule silently does not fire.
-- expect: {"allow":false,"reason":"blocked"}
local BLOCK = { [true] = "blocked" }
function decide(input)
  if BLOCK[input.subject.plan == "free"] then return { allow = false, reason = "blocked" } end
  return { allow = true }
end
