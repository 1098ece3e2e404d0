-- Much garbage, little alive: the collector keeps up, and nothing is refused.
-- expect: {"allow":false,"reason":"done"}
function decide(input)
  local s = ("x"):rep(20000)
  for i = 1, 600 do
    local t = { s .. i, { s }, function() return s end }
  end
  return { allow = false, reason = "done" }
end
