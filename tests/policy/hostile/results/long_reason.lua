-- A reason of 60 KB, twice: more than 64 KiB in all.
-- expect: bad_result
function decide(input)
  local s = ("x"):rep(60000)
  return { allow = false, reason = s, rule = s }
end
