-- One long text in many places.
-- expect: bad_result
function decide(input)
  local s, t = ("x"):rep(60000), {}
  for i = 1, 200 do t[i] = s end
  return { allow = false, redact = t }
end
