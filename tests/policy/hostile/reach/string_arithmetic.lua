-- Arithmetic on text, which the metatable of strings usually does.
-- expect: runtime_error
function decide(input)
  return { allow = ("10" + 1) == 11 }
end
