-- Indices far outside of the table.
-- expect: runtime_error
function decide(input)
  return { allow = table.concat({}, ",", math.mininteger, math.maxinteger) ~= nil }
end
