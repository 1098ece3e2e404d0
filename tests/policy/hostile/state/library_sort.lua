-- Sorts a library.
-- expect: runtime_error|{"allow":false,"reason":"contained"}
function decide(input)
  table.sort(ccp)
  table.sort(string)
  if string[1] ~= nil then return { allow = true } end
  return { allow = false, reason = "contained" }
end
