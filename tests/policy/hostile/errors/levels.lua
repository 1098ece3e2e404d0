-- Every level that error() takes.
-- expect: runtime_error
function decide(input)
  local levels = { 0, 1, 2, 3, 100, -1, math.maxinteger, math.mininteger }
  error("level", levels[input.n])
end
