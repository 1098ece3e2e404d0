-- The empty text repeated without end, for no memory at all.
-- expect: {"allow":false,"reason":"0"}
function decide(input)
  return { allow = false, reason = tostring(#string.rep("", math.maxinteger)) }
end
