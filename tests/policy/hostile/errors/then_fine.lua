-- A fault in one call is nothing to the next.
-- expect 1: runtime_error
-- expect 2: {"allow":false,"reason":"2"}
-- expect 3: {"allow":false,"reason":"3"}
function decide(input)
  if input.n == 1 then error("once") end
  return { allow = false, reason = tostring(input.n) }
end
