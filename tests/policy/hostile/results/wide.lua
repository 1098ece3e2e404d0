-- More than 256 nodes.
-- expect: bad_result
function decide(input)
  local t = {}
  for i = 1, 300 do t[i] = i end
  return { allow = false, redact = t }
end
