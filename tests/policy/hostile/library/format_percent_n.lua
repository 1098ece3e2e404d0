-- %n writes in C.
-- expect: runtime_error
function decide(input)
  local bad = { "%n", "%", "%-+ #0" }
  return { allow = false, reason = string.format(bad[input.n], 1) }
end
