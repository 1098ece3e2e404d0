-- The same in base 36, and with blanks around.
-- expect: timeout|decision|runtime_error
function decide(input)
  local s, blanks = ("z"):rep(60000), (" "):rep(60000) .. "1"
  for i = 1, 100000 do
    tonumber(s, 36)
    tonumber(blanks)
    tonumber(blanks, 10)
  end
  return { allow = false }
end
