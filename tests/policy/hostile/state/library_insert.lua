-- Writes by a host function that might skip metamethods.
-- expect: runtime_error|{"allow":false,"reason":"contained"}
function decide(input)
  table.insert(math, "owned")
  if math[1] ~= nil then return { allow = true } end
  return { allow = false, reason = "contained" }
end
