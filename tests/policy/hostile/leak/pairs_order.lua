-- The order of a table must not depend on how it came about.
-- expect: {"allow":false,"reason":"1,2,10,a,b,plan,role,z"}
local function order(t)
  local keys = {}
  for k in pairs(t) do keys[#keys + 1] = tostring(k) end
  return table.concat(keys, ",")
end
function decide(input)
  local a, b = {}, { role = 1, b = 1, [10] = 1 }
  for _, k in ipairs({ "z", "b", "a", 2, 10, "role", "plan", 1 }) do a[k] = true end
  for _, k in ipairs({ 1, "plan", "role", "a", "z", 2 }) do b[k] = true end
  for i = 1, 200 do a["x" .. i], b["y" .. i] = 1, 1 end
  for i = 1, 200 do a["x" .. i], b["y" .. i] = nil, nil end
  return { allow = order(a) ~= order(b), reason = order(b) }
end
