-- Asks for names that are not there.
-- expect: timeout|memory
function decide(input)
  for i = 1, math.huge do local v = input["missing" .. i] end
end
