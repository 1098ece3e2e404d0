-- Addresses of 64 KiB.
-- expect: timeout|runtime_error|decision
function decide(input)
  local a = ("1."):rep(30000)
  for i = 1, 100000 do ccp.ip_in_cidr(a, "10.0.0.0/8") end
  return { allow = false }
end
