-- Writes through a string.
-- expect: runtime_error
function decide(input)
  local s = "x"
  s.len = function() return 7 end
  return { allow = ("x"):len() == 7 }
end
