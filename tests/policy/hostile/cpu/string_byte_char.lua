-- Many results and many arguments, again and again.
-- expect: timeout
function decide(input)
  local s = ("x"):rep(256)
  while true do string.char(s:byte(1, 200)) end
end
