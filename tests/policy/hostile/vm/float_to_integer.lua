-- A float that is no integer in a bit operation.
-- expect: runtime_error
function decide(input)
  local bad = { 1.5, 1e308, 0 / 0 }
  return { allow = (bad[input.n] | 0) == 0 }
end
