-- Members come in a fixed order.
-- expect: {"allow":false,"reason":"plan,role,usage"}
function decide(input)
  local keys = {}
  for k in pairs(input.subject) do keys[#keys + 1] = k end
  return { allow = false, reason = table.concat(keys, ",") }
end
