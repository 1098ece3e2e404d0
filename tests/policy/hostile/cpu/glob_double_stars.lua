-- The same with stars that cross slashes.
-- expect: timeout|runtime_error|{"allow":false,"reason":"false"}
function decide(input)
  local hit = ("a/"):rep(30000):glob(("**/a"):rep(400) .. "/b")
  return { allow = false, reason = tostring(hit) }
end
