-- A text doubled for ever.
-- expect: memory
function decide(input)
  local s = "x"
  while true do s = s .. s end
end
