-- As many turns as there are integers.
-- expect: timeout
function decide(input)
  for i = math.mininteger, math.maxinteger do end
  return { allow = true }
end
