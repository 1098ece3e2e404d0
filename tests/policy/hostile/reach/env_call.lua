-- Calls what is no function and hopes for a metamethod.
-- expect: runtime_error
function decide(input)
  return _ENV(input)
end
