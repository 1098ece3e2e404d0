-- Puts something into a library that all policies share.
-- expect: runtime_error
function decide(input)
  string.stash = input.secret
  return { allow = true }
end
