-- pairs() of objects that name __pairs.
-- expect: {"allow":false,"reason":"__pairs"}
function decide(input)
  for k in pairs({ __pairs = function() return function() return "owned" end end }) do
    return { allow = k == "owned", reason = k }
  end
end
