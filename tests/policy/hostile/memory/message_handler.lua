-- A message handler that overflows.
-- expect: runtime_error
function decide(input)
  local function f() return f() + 1 end
  return { allow = xpcall(f, f) }
end
