-- Recursion that is no tail call.
-- expect: memory|runtime_error|timeout
function decide(input)
  local function f(n) return 1 + f(n + 1) end
  return { allow = f(0) > 0 }
end
