-- Tail calls of a host function.
-- expect: timeout
function decide(input)
  local function f(x) return select(1, x) end
  while true do f(1) end
end
