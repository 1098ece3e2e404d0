-- A number of 64 KiB.
-- expect: timeout|decision|runtime_error
function decide(input)
  local s = ("9"):rep(60000)
  local n = 0
  for i = 1, 100000 do if tonumber(s) then n = n + 1 end end
  return { allow = false }
end
