-- Fields that have a type get another one.
-- expect: bad_result|decision
function decide(input)
  local odd = { { allow = false, reason = {} }, { allow = false, rule = 7 }, { allow = false, redact = "/a" } }
  return odd[input.n]
end
