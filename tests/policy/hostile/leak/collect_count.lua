-- How much memory is in use.
-- expect: runtime_error
function decide(input)
  return { allow = false, reason = tostring(collectgarbage("count")) }
end
