-- Keeps it in a closure that a closure made.
-- expect: {"allow":false,"reason":"none"}
local function box()
  local inside
  return function(v)
    local before = inside
    inside = v
    return before
  end
end
local swap = box()
function decide(input)
  local before = swap(input)
  return { allow = before ~= nil, reason = before and before.secret or "none" }
end
