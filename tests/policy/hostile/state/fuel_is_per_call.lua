-- Most of the budget, every time.
-- expect: {"allow":false,"reason":"150000"}
function decide(input)
  local n = 0
  for i = 1, 75000 do n = n + 2 end
  return { allow = false, reason = tostring(n) }
end
