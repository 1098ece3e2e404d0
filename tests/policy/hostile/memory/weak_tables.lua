-- Weak tables under pressure.
-- expect: runtime_error
function decide(input)
  local t = setmetatable({}, { __mode = "kv" })
  for i = 1, 100000 do t[{}] = {} end
  return { allow = true }
end
