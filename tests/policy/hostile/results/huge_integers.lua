-- Integers beyond 2^53, which readers of JSON round.
-- expect: bad_result|decision
function decide(input)
  return { allow = false, obligations = { a = math.maxinteger, b = math.mininteger, c = 2 ^ 53 + 0.0, d = 1e308, e = 5e-324, f = -0.0 } }
end
