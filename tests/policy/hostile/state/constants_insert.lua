-- Changes a list by table.insert.
-- expect: runtime_error|{"allow":false,"reason":"contained"}
function decide(input)
  local list = ccp.data.models.list
  table.insert(list, "owned")
  if list[3] ~= nil or #list ~= 2 then return { allow = true } end
  return { allow = false, reason = "contained" }
end
