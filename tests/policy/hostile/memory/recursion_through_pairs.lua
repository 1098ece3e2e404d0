-- An iterator that starts the next one.
-- expect: memory|runtime_error|timeout
function decide(input)
  local function f(t)
    for k in pairs(t) do f({ k, t }) end
  end
  f({ 1 })
  return { allow = true }
end
