-- Two tables that hold each other.
-- expect: bad_result
function decide(input)
  local a, b = {}, {}
  a.b, b.a = b, a
  return { allow = false, obligations = a }
end
