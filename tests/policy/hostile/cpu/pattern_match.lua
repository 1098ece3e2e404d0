-- Patterns that backtrack.
-- expect: runtime_error
function decide(input)
  return { allow = string.match(("a"):rep(60), ("a*"):rep(6) .. "b") == nil }
end
