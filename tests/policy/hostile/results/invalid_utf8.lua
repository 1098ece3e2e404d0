-- A reason that is no text.
-- expect: bad_result
function decide(input)
  local bad = { "\xff\xfe", "\xc0\x80", "\xed\xa0\x80" }
  return { allow = false, reason = bad[input.n] }
end
