-- What the host handed to the chunk.
-- expect: {"allow":false,"reason":"0"}
local given = select("#", ...)
function decide(...)
  local extra = select("#", ...)
  return { allow = extra ~= 1, reason = tostring(given) }
end
