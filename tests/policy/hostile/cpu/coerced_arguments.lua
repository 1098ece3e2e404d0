-- Numbers as long texts, where a host function wants an integer.
-- expect: timeout|runtime_error|decision
function decide(input)
  local s = ("0"):rep(60000) .. "1"
  for i = 1, 100000 do ("x"):sub(s, s) end
  return { allow = false }
end
