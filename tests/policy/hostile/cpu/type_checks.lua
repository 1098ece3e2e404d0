-- Cheap host functions without end.
-- expect: timeout
function decide(input)
  local type, math_type = type, math.type
  while true do math_type(type(1)) end
end
