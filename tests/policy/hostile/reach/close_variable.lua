-- A variable whose end runs code.
-- expect: runtime_error
function decide(input)
  local guard <close> = setmetatable({}, { __close = function() while true do end end })
  return { allow = true }
end
