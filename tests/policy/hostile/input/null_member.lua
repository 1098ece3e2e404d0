-- null is nothing.
-- expect: {"allow":false,"reason":"nil"}
function decide(input)
  return { allow = input.nothing ~= nil, reason = type(input.nothing) }
end
