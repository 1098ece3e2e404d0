-- A glob with many stars: backtracking would take for ever.
-- expect: timeout|runtime_error|{"allow":false,"reason":"false"}
function decide(input)
  local hit = ("a"):rep(60000):glob(("*a"):rep(500) .. "*b")
  return { allow = false, reason = tostring(hit) }
end
