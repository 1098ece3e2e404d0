-- Replaces the constants as a whole.
-- expect: runtime_error
function decide(input)
  ccp.data = { plan = "owned" }
  return { allow = true }
end
