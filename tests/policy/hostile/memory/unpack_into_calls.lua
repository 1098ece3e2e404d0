-- Argument lists within argument lists.
-- expect: memory|runtime_error|timeout
function decide(input)
  local t = {}
  for i = 1, 250 do t[i] = i end
  local function f(...) return f(table.unpack(t)) + 1 end
  return { allow = f() }
end
