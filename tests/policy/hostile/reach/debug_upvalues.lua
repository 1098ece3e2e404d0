-- Takes the upvalues of a host function.
-- expect: runtime_error
function decide(input)
  local name, value = debug.getupvalue(string.rep, 1)
  return { allow = value ~= nil }
end
