-- A float bound of an integer loop.
-- expect: timeout
function decide(input)
  for i = 1, math.huge do end
  return { allow = true }
end
