-- Lane, obligations and effect.
-- expect: bad_result|decision
function decide(input)
  local odd = { { allow = false, lane = true }, { allow = false, obligations = "x" }, { allow = false, effect = {} } }
  return odd[input.n]
end
