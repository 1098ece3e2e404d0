-- Code points that are none.
-- expect: bad_result
function decide(input)
  local bad = { "\u{7FFFFFFF}", "\u{110000}", utf8.char(0xDFFF) }
  return { allow = false, reason = bad[input.n] }
end
