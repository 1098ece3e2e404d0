-- A table that grows while it is walked.
-- expect: timeout|memory|runtime_error|decision
function decide(input)
  local t, n = { a = 1 }, 0
  for k in pairs(t) do
    n = n + 1
    t["x" .. n] = 1
  end
  return { allow = false, reason = tostring(n) }
end
