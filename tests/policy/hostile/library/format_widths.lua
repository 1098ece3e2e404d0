-- Widths and precisions of more than two digits.
-- expect: runtime_error
function decide(input)
  local bad = { "%100d", "%.100f", "%0000000005d" }
  return { allow = false, reason = string.format(bad[input.n], 1) }
end
