-- Elements that are no text.
-- expect: runtime_error
function decide(input)
  local bad = { { {} }, { true }, { 1, nil, 3, n = 3 } }
  return { allow = false, reason = table.concat(bad[input.n], ",", 1, 3) }
end
