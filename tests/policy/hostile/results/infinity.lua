-- Numbers that JSON does not have.
-- expect: bad_result
function decide(input)
  return { allow = false, obligations = { x = input.n == 2 and -math.huge or math.huge } }
end
