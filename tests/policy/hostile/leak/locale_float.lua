-- A float is written with a point, whatever the locale.
-- expect: {"allow":false,"reason":"0.5 0.50"}
function decide(input)
  return { allow = false, reason = tostring(1 / 2) .. " " .. string.format("%.2f", 0.5) }
end
