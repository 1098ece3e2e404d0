-- A level that is no level.
-- expect: runtime_error
function decide(input)
  local levels = { "2", 1.5, {} }
  error("level", levels[input.n])
end
