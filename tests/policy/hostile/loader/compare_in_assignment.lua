-- An expression as a statement.
-- expect: load_error
function decide(input)
  input.allow == true
  return { allow = true }
end
