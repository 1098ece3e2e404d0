-- Recursion with large frames.
-- expect: memory|runtime_error|timeout
function decide(input)
  local function f(a, b, c, d, e, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u)
    local x = f(a, b, c, d, e, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u)
    return x
  end
  return { allow = f() }
end
