-- The same one by one, by instruction.
-- expect: timeout
function decide(input)
  local s = ("\0"):rep(65000)
  local a, b = s .. "a", s .. "b"
  local n = 0
  while true do
    if a < b then n = n + 1 end
    if a <= b then n = n + 1 end
  end
end
