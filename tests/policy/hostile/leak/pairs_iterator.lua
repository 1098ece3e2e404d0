-- The function that pairs() returns is used as next().
-- expect: runtime_error|decision
function decide(input)
  local f, s, i = pairs({ a = 1, b = 2 })
  local k = f({ secret = 1 }, nil)
  local again = f(s, i)
  local odd = f(string, nil)
  return { allow = false, reason = tostring(k) .. tostring(again) .. tostring(odd) }
end
