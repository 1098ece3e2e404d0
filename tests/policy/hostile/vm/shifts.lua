-- Shifts by more than there are bits.
-- expect: {"allow":false,"reason":"0 0 2"}
function decide(input)
  return { allow = false, reason = (1 << 64) .. " " .. (1 >> math.maxinteger) .. " " .. (1 << 1) }
end
