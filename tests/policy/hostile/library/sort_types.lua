-- Elements that cannot be compared.
-- expect: runtime_error
function decide(input)
  local bad = { { 1, "x", 2 }, { {}, {} }, { 1, nil, 3 } }
  local t = bad[input.n]
  t[4] = 4
  table.sort(t)
  return { allow = true }
end
