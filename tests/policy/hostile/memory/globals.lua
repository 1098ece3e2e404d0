-- Fills its environment.
-- expect: memory|timeout
function decide(input)
  for i = 1, math.huge do _ENV["g" .. i] = i end
end
