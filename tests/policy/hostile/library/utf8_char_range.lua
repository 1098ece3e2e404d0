-- Code points that are none.
-- expect: runtime_error
function decide(input)
  local bad = { -1, 0x80000000, math.maxinteger }
  return { allow = utf8.char(bad[input.n]) ~= nil }
end
