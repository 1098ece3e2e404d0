-- Concatenates a library and hopes for a metamethod.
-- expect: runtime_error
function decide(input)
  return { allow = ("x" .. ccp) ~= nil }
end
