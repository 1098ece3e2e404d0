-- Another answer on the second read.
-- expect: runtime_error
function decide(input)
  local n = 0
  return setmetatable({}, { __index = function() n = n + 1; return n > 1 end })
end
