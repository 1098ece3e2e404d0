-- 2^30 bytes by one call.
-- expect: memory
function decide(input)
  return { allow = #("x"):rep(2 ^ 30) > 0 }
end
