-- Most of the memory, every time.
-- expect: {"allow":false,"reason":"24"}
kept = kept or {}
function decide(input)
  local s = ("x"):rep(60000)
  for i = 1, 24 do kept[#kept + 1] = s .. i end
  return { allow = #kept > 24, reason = tostring(#kept) }
end
