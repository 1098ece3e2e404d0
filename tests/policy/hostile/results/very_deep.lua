-- Ten thousand levels: a walker's own stack.
-- expect: bad_result
function decide(input)
  local t = {}
  for i = 1, 10000 do t = { t } end
  return { allow = false, obligations = { t } }
end
