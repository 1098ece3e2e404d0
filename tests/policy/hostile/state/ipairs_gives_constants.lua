-- ipairs() hands out its table as well.
-- expect: runtime_error|{"allow":false,"reason":"opus"}
function decide(input)
  local _, raw = ipairs(ccp.data.models.list)
  local first = ccp.data.models.list[1]
  if first ~= "opus" then return { allow = true } end
  raw[1] = "owned"
  return { allow = ccp.data.models.list[1] ~= "opus", reason = first }
end
