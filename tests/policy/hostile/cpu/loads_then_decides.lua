-- The chunk itself runs before every decision and is charged to it.
-- expect: timeout|load_error
local x = 0
for i = 1, 90000 do x = x + 1 end
function decide(input)
  for i = 1, 190000 do x = x + 1 end
  return { allow = true }
end
