-- Both sides of an assignment meet.
-- expect: {"allow":false,"reason":"2 1 x"}
function decide(input)
  local a, b = 1, 2
  a, b = b, a
  local i, t = 1, {}
  i, t[i] = i + 1, "x"
  return { allow = false, reason = a .. " " .. b .. " " .. t[1] }
end
