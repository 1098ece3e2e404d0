-- The next call should run another function.
-- expect: {"allow":false,"reason":"first"}
function decide(input)
  decide = function() return { allow = true } end
  return { allow = false, reason = "first" }
end
