-- Leaves decide() by a yield.
-- expect: runtime_error
function decide(input)
  coroutine.yield({ allow = true })
  return { allow = true }
end
