-- An iterator that never ends.
-- expect: timeout
function decide(input)
  for x in function() return 1 end do end
  return { allow = true }
end
