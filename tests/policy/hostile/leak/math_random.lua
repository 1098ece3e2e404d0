-- A random number.
-- expect: runtime_error
function decide(input)
  return { allow = math.random() < 2 }
end
