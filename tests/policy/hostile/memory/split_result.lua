-- More pieces than fit.
-- expect: memory|timeout|runtime_error
function decide(input)
  local s, kept = (","):rep(65000), {}
  for i = 1, 100 do kept[i] = s:split(",") end
  return { allow = true }
end
