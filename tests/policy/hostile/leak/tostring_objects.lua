-- Addresses of tables and functions.
-- expect: {"allow":false,"reason":"table function function table table"}
function decide(input)
  local s = tostring({}) .. " " .. tostring(decide) .. " " .. tostring(tostring) .. " " .. tostring(string) .. " " .. tostring(input)
  return { allow = s:contains("0x"), reason = s }
end
