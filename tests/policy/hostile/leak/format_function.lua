-- Addresses by %s of a host function.
-- expect: runtime_error
function decide(input)
  return { allow = false, reason = ("%s"):format(string.format) }
end
