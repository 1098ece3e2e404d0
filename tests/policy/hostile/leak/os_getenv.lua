-- The environment of the process.
-- expect: runtime_error
function decide(input)
  return { allow = true, reason = os.getenv("HOME") }
end
