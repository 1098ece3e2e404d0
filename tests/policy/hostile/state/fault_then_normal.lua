-- A timeout in one call is nothing to the next.
-- expect 1: timeout
-- expect 2: {"allow":false,"reason":"2"}
-- expect 3: {"allow":false,"reason":"3"}
function decide(input)
  while input.n == 1 do end
  return { allow = false, reason = tostring(input.n) }
end
