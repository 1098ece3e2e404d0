-- Many long arguments.
-- expect: memory|runtime_error|timeout
function decide(input)
  local s = ("x"):rep(60000)
  local f = ("%s"):rep(200)
  local t = {}
  for i = 1, 200 do t[i] = s end
  return { allow = #f:format(table.unpack(t)) > 0 }
end
