-- Versions of 64 KiB.
-- expect: timeout|runtime_error|decision
function decide(input)
  local a = "1.0.0-" .. ("1."):rep(30000) .. "1"
  local b = "1.0.0-" .. ("1."):rep(30000) .. "2"
  for i = 1, 100000 do ccp.semver_cmp(a, b) end
  return { allow = false }
end
