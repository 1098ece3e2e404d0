-- A loop with work in it.
-- expect: timeout
function decide(input)
  local n = 0
  repeat n = n + 1 until n < 0
  return { allow = true }
end
