-- Keys that are floats, booleans, tables.
-- expect: bad_result
function decide(input)
  local keys = { 1.5, true, {} }
  return { allow = false, obligations = { [keys[input.n]] = 1 } }
end
