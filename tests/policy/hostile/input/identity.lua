-- The same part of the input is the same object.
-- expect: {"allow":false,"reason":"true"}
function decide(input)
  return { allow = false, reason = tostring(input.subject == input.subject and input.deep.a == input.deep.a) }
end
