-- Positions outside.
-- expect: runtime_error
function decide(input)
  local bad = { 5, 0, math.mininteger }
  table.insert({ 1, 2 }, bad[input.n], "x")
  return { allow = true }
end
