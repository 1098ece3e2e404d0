-- The same with a separator of nothing.
-- expect: {"allow":false,"reason":"0"}
function decide(input)
  return { allow = false, reason = tostring(#("").rep("", 2 ^ 52, "")) }
end
