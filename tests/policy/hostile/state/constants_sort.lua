-- Sorts and removes: does the order survive to the next call?
-- expect: runtime_error|{"allow":false,"reason":"opus"}
function decide(input)
  local list = ccp.data.models.list
  if list[1] ~= "opus" then return { allow = true, reason = list[1] } end
  table.sort(list)
  table.remove(list)
  return { allow = false, reason = ccp.data.models.list[1] }
end
