-- To-be-closed: a host object.
-- expect: runtime_error
function decide(input)
  local guard <close> = input
  return { allow = true }
end
