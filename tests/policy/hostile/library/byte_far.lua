-- Places far outside.
-- expect: {"allow":false,"reason":"nil nil"}
function decide(input)
  local s = "abc"
  return { allow = false, reason = tostring((s:byte(math.maxinteger))) .. " " .. tostring((s:byte(math.mininteger, -100))) }
end
