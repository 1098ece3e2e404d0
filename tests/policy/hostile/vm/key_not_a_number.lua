-- NaN as a key.
-- expect: runtime_error
function decide(input)
  local t = {}
  t[0 / 0] = true
  return { allow = true }
end
