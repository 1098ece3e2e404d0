-- An error whose text takes for ever.
-- expect: runtime_error
function decide(input)
  error(setmetatable({}, { __tostring = function() while true do end end }))
end
