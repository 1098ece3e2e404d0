-- Long strings as keys are hashed whole and compared whole.
-- expect: timeout
function decide(input)
  local t, s = {}, ("x"):rep(60000)
  t[s .. "1"] = 1
  while true do local v = t[s .. "1"] end
end
