-- An empty separator.
-- expect: runtime_error|decision
function decide(input)
  return { allow = false, reason = tostring(#("abc"):split("")) }
end
