-- A megabyte alive, made anew in each call: nothing of it may stay.
-- expect: {"allow":false,"reason":"done"}
function decide(input)
  local s, t = ("x"):rep(50000), {}
  for i = 1, 20 do t[i] = s .. i end
  return { allow = false, reason = "done" }
end
