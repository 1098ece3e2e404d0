-- %d of what is no integer.
-- expect: runtime_error
function decide(input)
  local bad = { 3.5, 2 ^ 63, "x" }
  return { allow = false, reason = string.format("%d", bad[input.n]) }
end
