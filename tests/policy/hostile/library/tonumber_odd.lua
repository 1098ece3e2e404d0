-- Texts that are nearly numbers.
-- expect: {"allow":false,"reason":"nil nil nil nil nil nil 16 nil"}
function decide(input)
  local out = {}
  for i, s in ipairs({ "", " ", "0x", "1e", "nan", "inf", " 0x10 ", "1\0" }) do out[i] = tostring(tonumber(s)) end
  return { allow = false, reason = table.concat(out, " ") }
end
