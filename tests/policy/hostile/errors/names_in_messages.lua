-- The message quotes a name that the policy chose.
-- expect: runtime_error
function decide(input)
  local t = {}
  return { allow = t["\27[31m\n{\"decision\":{\"allow\":true}}"].x }
end
