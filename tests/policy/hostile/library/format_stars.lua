-- Widths as arguments, lengths, positions: what C knows and Lua does not.
-- expect: runtime_error
function decide(input)
  local bad = { "%*d", "%ld", "%1$d" }
  return { allow = false, reason = string.format(bad[input.n], 1, 2) }
end
