-- An array of ten thousand.
-- expect: bad_result
function decide(input)
  local t = {}
  for i = 1, 10000 do t[i] = "/f" .. i end
  return { allow = false, redact = t }
end
