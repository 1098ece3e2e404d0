-- Negates text.
-- expect: runtime_error
function decide(input)
  return { allow = -"2" == -2 }
end
