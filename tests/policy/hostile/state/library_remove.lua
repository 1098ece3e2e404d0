-- Removes from a library.
-- expect: runtime_error|{"allow":false,"reason":"contained"}
function decide(input)
  table.remove(utf8)
  table.remove(ccp.data)
  return { allow = utf8.char == nil, reason = "contained" }
end
