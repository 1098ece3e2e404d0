-- Takes its own environment away.
-- expect: runtime_error
function decide(input)
  local _ENV = nil
  return { allow = tostring(1) == "1" }
end
