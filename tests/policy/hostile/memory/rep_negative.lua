-- A negative count gives the empty text.
-- expect: {"allow":false,"reason":"0"}
function decide(input)
  return { allow = false, reason = tostring(#("x"):rep(-5) + #("x"):rep(math.mininteger)) }
end
