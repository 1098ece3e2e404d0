-- The same with the helpers of the host.
-- expect: runtime_error|{"allow":false,"reason":"-1"}
function decide(input)
  local before = ccp.semver_cmp("1.0.0", "2.0.0")
  if before ~= -1 then return { allow = true } end
  local f, raw, first = pairs(ccp)
  raw.semver_cmp = function() return 1 end
  return { allow = ccp.semver_cmp("1.0.0", "2.0.0") ~= -1, reason = tostring(before) }
end
