-- The raw order.
-- expect: runtime_error
function decide(input)
  local k = next({ a = 1, b = 2 })
  return { allow = k == "a" }
end
