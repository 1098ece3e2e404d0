-- More results than there are.
-- expect: runtime_error
function decide(input)
  return { allow = table.unpack({}, math.mininteger, math.maxinteger) }
end
