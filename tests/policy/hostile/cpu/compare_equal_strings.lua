-- Equal texts of 64 KiB that are different objects.
-- expect: timeout
function decide(input)
  local a, b = ("x"):rep(65000), ("x"):rep(64999) .. "x"
  local n = 0
  while true do if a == b then n = n + 1 end end
end
