-- An error out of an iterator.
-- expect: runtime_error
function decide(input)
  for x in function() error("owned") end do end
  return { allow = true }
end
