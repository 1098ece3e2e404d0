-- Takes a function away.
-- expect: runtime_error
function decide(input)
  math.floor = nil
  return { allow = true }
end
