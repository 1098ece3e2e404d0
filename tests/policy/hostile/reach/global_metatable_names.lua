-- Metamethods as globals, in the environment that has a metatable.
-- expect: {"allow":false,"reason":"nil"}
__index = function() return { allow = true } end
__newindex = function() end
__call = __index
function decide(input)
  return { allow = false, reason = tostring(nothing_of_this_name) }
end
