-- Keeps what the last caller sent.
-- expect: {"allow":false,"reason":"none"}
function decide(input)
  local before = last
  last = input.secret
  return { allow = before ~= nil, reason = before or "none" }
end
