-- An environment without anything in it.
-- expect: runtime_error
function decide(input)
  local _ENV = {}
  return { allow = tostring(1) == "1" }
end
