-- Bytes that are none.
-- expect: runtime_error
function decide(input)
  local bad = { 256, -1, math.maxinteger }
  return { allow = false, reason = string.char(bad[input.n]) }
end
