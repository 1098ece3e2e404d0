-- A loop in a message handler.
-- expect: runtime_error
function decide(input)
  xpcall(error, function() while true do end end)
  return { allow = true }
end
