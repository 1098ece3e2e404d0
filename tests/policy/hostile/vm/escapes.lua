-- Escapes in texts.
-- expect: {"allow":false,"reason":"AA\u00e9\ttab"}
function decide(input)
  return { allow = false, reason = "\65\x41\u{E9}\z
    \ttab" }
end
