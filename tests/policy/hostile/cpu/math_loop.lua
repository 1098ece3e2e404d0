-- Numbers alone.
-- expect: timeout
function decide(input)
  local x = 1.0
  while true do x = math.fmod(math.max(x * 1.000001, 2), 1e300) end
end
