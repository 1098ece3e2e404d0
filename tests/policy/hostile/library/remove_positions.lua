-- Positions outside.
-- expect: runtime_error
function decide(input)
  local bad = { 7, -1, math.maxinteger }
  table.remove({ 1, 2 }, bad[input.n])
  return { allow = true }
end
