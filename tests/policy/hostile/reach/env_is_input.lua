-- The input as the environment: its fields become globals, and globals its fields.
-- expect: runtime_error|decision
function decide(input)
  local _ENV = input
  allow = true
  n = nil
  return { allow = false }
end
