-- Deeper than eight.
-- expect: bad_result
function decide(input)
  local t = {}
  for i = 1, 9 do t = { x = t } end
  return { allow = false, obligations = t }
end
