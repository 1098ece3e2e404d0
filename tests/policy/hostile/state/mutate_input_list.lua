-- Changes lists of the input by host functions.
-- expect: runtime_error|{"allow":false,"reason":"3"}
function decide(input)
  local n, first = #input.list, input.list[1]
  if first ~= 3 then return { allow = true } end
  table.sort(input.list)
  table.remove(input.list)
  table.insert(input.list, 1, "owned")
  return { allow = n ~= 3, reason = tostring(n) }
end
