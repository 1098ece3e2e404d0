-- The linear helpers are charged by length.
-- expect: timeout
function decide(input)
  local hay = ("ab"):rep(32000)
  while true do hay:contains("ba\0") end
end
