-- A table that holds itself.
-- expect: bad_result
function decide(input)
  local t = { allow = false }
  t.obligations = t
  return t
end
