-- An array of texts just below the cap.
-- expect: memory
function decide(input)
  local t, s = {}, ("x"):rep(60000)
  for i = 1, 1000 do t[i] = s .. i end
  return { allow = true }
end
