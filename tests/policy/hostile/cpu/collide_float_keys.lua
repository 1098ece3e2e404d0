-- Floats that differ only below what their hash looks at.
-- expect: timeout|memory
function decide(input)
  local t, x, step = {}, 1.5, 2.0 ^ -50
  for i = 1, 20000 do
    x = x + step
    t[x] = true
  end
  return { allow = true }
end
