-- A to-be-closed variable without a metamethod.
-- expect: runtime_error
function decide(input)
  local guard <close> = {}
  return { allow = true }
end
