-- Refused allocations in a row.
-- expect: memory
function decide(input)
  for i = 1, 100000 do
    local s = ("x"):rep(1 << 30)
  end
  return { allow = true }
end
