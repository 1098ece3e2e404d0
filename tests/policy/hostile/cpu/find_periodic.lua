-- A needle that nearly fits everywhere.
-- expect: timeout
function decide(input)
  local hay, needle = ("a"):rep(65000), ("a"):rep(32000) .. "b"
  while true do hay:find(needle) end
end
