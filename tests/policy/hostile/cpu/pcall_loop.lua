-- A loop that catches what stops it.
-- expect: runtime_error
function decide(input)
  while true do pcall(function() while true do end end) end
end
