-- Copies by the operator.
-- expect: timeout|memory
function decide(input)
  local s = ("x"):rep(30000)
  while true do local t = s .. s end
end
