-- Each call hands on one argument more.
-- expect: timeout|memory|runtime_error
function decide(input)
  local function f(...) return f(1, ...) end
  return f()
end
