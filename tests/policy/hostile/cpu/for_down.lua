-- Downwards to the smallest integer.
-- expect: timeout
function decide(input)
  for i = 0, math.mininteger, -1 do end
  return { allow = true }
end
