-- A label that is not there.
-- expect: load_error
function decide(input)
  goto allow
  return { allow = true }
end
