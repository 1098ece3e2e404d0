-- Versions that are none.
-- expect: runtime_error|decision
function decide(input)
  local bad = { "1.2", "99999999999999999999.0.0", "1.0.0-" }
  return { allow = false, reason = tostring(ccp.semver_cmp(bad[input.n], "1.0.0")) }
end
