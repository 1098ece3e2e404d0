-- Every extreme of sub().
-- expect: {"allow":false,"reason":"abc|abc||"}
function decide(input)
  local s = "abc"
  return { allow = false, reason = s:sub(math.mininteger, math.maxinteger) .. "|" .. s:sub(-3) .. "|" .. s:sub(4) .. "|" .. s:sub(math.maxinteger, math.mininteger) }
end
