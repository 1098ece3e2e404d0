-- Writes to stderr.
-- expect: runtime_error
function decide(input)
  warn("@on")
  warn("owned")
  return { allow = true }
end
