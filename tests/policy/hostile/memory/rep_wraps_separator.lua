-- The separator makes the product wrap.
-- expect: memory|runtime_error
function decide(input)
  local s = ("abcdefgh"):rep(2 ^ 61, "abcdefgh")
  return { allow = s ~= nil }
end
