-- An IPv4 address in IPv6 clothes, zone ids and ports.
-- expect: runtime_error|decision
function decide(input)
  local out = {}
  for _, a in ipairs({ "10.1.2.3:80", "10.1.2.3%eth0", " 10.1.2.3", "10.1.2.3\0", "10.1.2.256", "10.1.2", "0xa.1.2.3", "167838211" }) do
    out[#out + 1] = tostring(ccp.ip_in_cidr(a, "10.0.0.0/8"))
  end
  local hit = table.concat(out, " ")
  return { allow = hit:contains("true"), reason = hit }
end
