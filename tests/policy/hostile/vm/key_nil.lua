-- nil as a key.
-- expect: runtime_error
function decide(input)
  local t = {}
  t[nil] = true
  return { allow = true }
end
