-- The last index is the largest integer.
-- expect: {"allow":false,"reason":"x"}
function decide(input)
  return { allow = false, reason = table.concat({ [math.maxinteger] = "x" }, ",", math.maxinteger, math.maxinteger) }
end
