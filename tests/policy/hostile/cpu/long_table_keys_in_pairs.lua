-- pairs() compares and copies keys of 60 KB.
-- expect: timeout|memory
function decide(input)
  local t, s = {}, ("k"):rep(60000)
  for i = 1, 12 do t[s .. i] = true end
  while true do for k in pairs(t) do break end end
end
