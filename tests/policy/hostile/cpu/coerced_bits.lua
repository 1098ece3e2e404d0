-- Bit operations turn text into numbers.
-- expect: timeout|runtime_error|decision
function decide(input)
  local s = ("0"):rep(60000) .. "1"
  local n = 0
  for i = 1, 100000 do n = n | s end
  return { allow = false }
end
