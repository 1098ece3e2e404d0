-- Every specifier that is not in the list.
-- expect: runtime_error
function decide(input)
  local bad = { "%q", "%o", "%u" }
  return { allow = false, reason = string.format(bad[input.n], 1) }
end
