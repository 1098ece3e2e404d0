-- pairs() returns what it walks: is it the library behind the read-only front?
-- expect: runtime_error|{"allow":false,"reason":"1"}
local _, raw = pairs(string)
function decide(input)
  local n = ("x"):len()
  if n ~= 1 then return { allow = true, reason = "owned" } end
  raw.len = function() return 7 end
  return { allow = string.len("x") ~= 1, reason = tostring(n) }
end
