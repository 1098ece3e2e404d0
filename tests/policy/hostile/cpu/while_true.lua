-- The plain loop.
-- expect: timeout
function decide(input)
  while true do end
end
