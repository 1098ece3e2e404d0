-- Twenty levels that each hold the next one twice: a million nodes for who walks it.
-- expect: bad_result
function decide(input)
  local t = {}
  for i = 1, 20 do t = { t, t } end
  return { allow = false, obligations = { t = t } }
end
