-- A text compared with a number.
-- expect: runtime_error
function decide(input)
  return { allow = input.secret < 5 }
end
