-- A product that is small modulo 2^64.
-- expect: memory|runtime_error
function decide(input)
  local s = ("ab"):rep(math.maxinteger)
  return { allow = s ~= nil }
end
