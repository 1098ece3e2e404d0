-- Counts calls in a global.
-- expect: {"allow":false,"reason":"1"}
function decide(input)
  count = (count or 0) + 1
  return { allow = count > 1, reason = tostring(count) }
end
