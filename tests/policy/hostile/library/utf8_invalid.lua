-- Invalid bytes are no characters.
-- expect: {"allow":false,"reason":"nil1 nil1 nil1 nil2"}
function decide(input)
  local out = {}
  for i, s in ipairs({ "\xff", "\x80", "\xed\xa0\x80", "a\xc3" }) do
    local n, at = utf8.len(s)
    out[i] = tostring(n) .. tostring(at)
  end
  return { allow = false, reason = table.concat(out, " ") }
end
