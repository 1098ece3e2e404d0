-- Nothing but separators.
-- expect: memory
function decide(input)
  return { allow = #(""):rep(2 ^ 40, "x") > 0 }
end
