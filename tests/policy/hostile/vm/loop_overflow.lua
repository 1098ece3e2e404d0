-- Loops at the end of the integers end.
-- expect: {"allow":false,"reason":"2 1 0"}
function decide(input)
  local a, b, c = 0, 0, 0
  for i = math.maxinteger - 1, math.maxinteger do a = a + 1 end
  for i = math.mininteger, math.mininteger do b = b + 1 end
  for i = 1, 0 do c = c + 1 end
  return { allow = false, reason = a .. " " .. b .. " " .. c }
end
