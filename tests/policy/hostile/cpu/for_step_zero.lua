-- A step of nothing.
-- expect: runtime_error
function decide(input)
  for i = 1, 10, 0 do end
  return { allow = true }
end
