-- Stops the collector.
-- expect: runtime_error
function decide(input)
  collectgarbage("stop")
  return { allow = true }
end
