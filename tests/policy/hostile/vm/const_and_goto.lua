-- Attributes and labels.
-- expect: {"allow":false,"reason":"3"}
function decide(input)
  local step <const> = 1
  local n = 0
  for i = 1, 5 do
    if i % 2 == 0 then goto continue end
    n = n + step
    ::continue::
  end
  return { allow = false, reason = tostring(n) }
end
