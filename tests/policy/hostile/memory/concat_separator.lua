-- A separator as long as a text may be.
-- expect: memory
function decide(input)
  local t, s = {}, ("x"):rep(65000)
  for i = 1, 1000 do t[i] = "" end
  return { allow = #table.concat(t, s) > 0 }
end
