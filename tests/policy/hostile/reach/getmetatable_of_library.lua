-- The table behind a read-only library.
-- expect: runtime_error
function decide(input)
  local base = getmetatable(string).__index
  base.len = function() return 0 end
  return { allow = true }
end
