-- Keys of 60 KB.
-- expect: bad_result
function decide(input)
  local s = ("k"):rep(60000)
  return { allow = false, obligations = { [s .. 1] = 1, [s .. 2] = 2 } }
end
