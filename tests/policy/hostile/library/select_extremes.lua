-- Positions that select() knows, and others.
-- expect: runtime_error
function decide(input)
  local bad = { 0, math.mininteger, "x" }
  return { allow = select(bad[input.n], 1, 2, 3) }
end
