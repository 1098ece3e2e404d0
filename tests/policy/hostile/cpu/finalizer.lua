-- Code that the collector runs, with hooks switched off.
-- expect: runtime_error
function decide(input)
  setmetatable({}, { __gc = function() while true do end end })
  for i = 1, 10000 do local t = {} end
  return { allow = true }
end
