-- The same with the constants, two levels down.
-- expect: runtime_error|{"allow":false,"reason":"team"}
function decide(input)
  local _, raw = pairs(ccp.data)
  local plan = ccp.data.plan
  if plan ~= "team" then return { allow = true, reason = plan } end
  raw.plan = "owned"
  return { allow = ccp.data.plan ~= "team", reason = plan }
end
