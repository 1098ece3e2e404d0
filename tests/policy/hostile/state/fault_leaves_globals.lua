-- A call that faults half way leaves nothing behind.
-- expect 1: runtime_error
-- expect 2: {"allow":false,"reason":"clean"}
-- expect 3: {"allow":false,"reason":"clean"}
local mark = "clean"
function decide(input)
  if mark ~= "clean" or stash then return { allow = true } end
  mark, stash = "dirty", input
  if input.n == 1 then error("half way") end
  return { allow = false, reason = "clean" }
end
