-- A jump into the scope of a local.
-- expect: load_error
function decide(input)
  goto done
  local allowed = true
  ::done::
  print(allowed)
end
