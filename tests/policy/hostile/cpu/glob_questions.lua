-- Question marks and stars mixed.
-- expect: timeout|runtime_error|{"allow":false,"reason":"false"}
function decide(input)
  local hit = ("ab"):rep(30000):glob(("?*"):rep(1000) .. "c")
  return { allow = false, reason = tostring(hit) }
end
