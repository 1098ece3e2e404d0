-- The list of keys is a second copy.
-- expect: memory|{"allow":false}
function decide(input)
  local t, s = {}, ("k"):rep(60000)
  for i = 1, 20 do t[s .. i] = true end
  local n = 0
  for k in pairs(t) do n = n + 1 end
  return { allow = false, reason = tostring(n) }
end
