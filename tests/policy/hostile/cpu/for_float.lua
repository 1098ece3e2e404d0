-- A step so small that the variable stands still.
-- expect: timeout
function decide(input)
  for x = 2 ^ 53, 2 ^ 53 + 2, 0.25 do end
  return { allow = true }
end
