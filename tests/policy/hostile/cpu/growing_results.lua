-- Each call returns one result more.
-- expect: timeout|memory|runtime_error
function decide(input)
  local function f(n)
    if n == 0 then return end
    return n, f(n - 1)
  end
  for i = 1, 200 do local a = select("#", f(190)) end
  while true do local a = select("#", f(190)) end
end
