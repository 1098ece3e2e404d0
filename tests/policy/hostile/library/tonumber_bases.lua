-- Bases that are none.
-- expect: runtime_error
function decide(input)
  local bad = { 1, 37, math.maxinteger }
  return { allow = tonumber("1", bad[input.n]) == 1 }
end
