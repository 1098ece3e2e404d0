-- Calls of a host function that returns at once.
-- expect: timeout
function decide(input)
  local rep = string.rep
  while true do rep("", 1000000000) end
end
