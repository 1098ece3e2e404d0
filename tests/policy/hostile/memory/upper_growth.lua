-- Copies kept by every helper that copies.
-- expect: memory
function decide(input)
  local t, s = {}, ("x"):rep(60000)
  for i = 1, 100 do
    t[#t + 1] = (s .. i):upper()
    t[#t + 1] = (i .. s):reverse()
    t[#t + 1] = (i .. s):sub(2)
  end
  return { allow = true }
end
