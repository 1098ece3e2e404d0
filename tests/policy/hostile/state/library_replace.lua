-- Replaces a function of a library.
-- expect: runtime_error
function decide(input)
  table.concat = function() return "owned" end
  return { allow = true }
end
