-- The same wide: seven levels of sixteen.
-- expect: bad_result
function decide(input)
  local t = { 1 }
  for i = 1, 6 do t = { t, t, t, t, t, t, t, t, t, t, t, t, t, t, t, t } end
  return { allow = false, obligations = { t = t } }
end
