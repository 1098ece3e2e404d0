-- One 64 KiB text, joined with itself.
-- expect: memory
function decide(input)
  local t, s = {}, ("x"):rep(60000)
  for i = 1, 10000 do t[i] = s end
  return { allow = #table.concat(t) > 0 }
end
