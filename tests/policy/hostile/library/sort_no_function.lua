-- A comparator that is none.
-- expect: runtime_error
function decide(input)
  local bad = { 1, "x", {} }
  table.sort({ 2, 1 }, bad[input.n])
  return { allow = true }
end
