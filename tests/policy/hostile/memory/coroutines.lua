-- Coroutines in coroutines.
-- expect: runtime_error
function decide(input)
  local function f() return coroutine.wrap(f)() end
  f()
  return { allow = true }
end
