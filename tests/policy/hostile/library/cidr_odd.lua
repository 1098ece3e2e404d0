-- Addresses and networks that are none.
-- expect: runtime_error|decision
function decide(input)
  local out = {}
  for _, c in ipairs({ "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "/8", "::/129", "1.2.3/8", "10.0.0.0/8\0", "0x0a.0.0.0/8", "010.0.0.0/8" }) do
    out[#out + 1] = tostring(ccp.ip_in_cidr("10.1.2.3", c))
  end
  local hit = table.concat(out, " ")
  return { allow = hit:contains("true"), reason = hit }
end
