-- Operators on the input itself.
-- expect: runtime_error
function decide(input)
  if #input ~= 0 then return { allow = true } end
  return { allow = ("x" .. input) ~= nil }
end
