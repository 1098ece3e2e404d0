-- allow through __index only.
-- expect: runtime_error
function decide(input)
  return setmetatable({}, { __index = function() return true end })
end
