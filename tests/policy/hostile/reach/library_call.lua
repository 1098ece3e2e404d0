-- Calls a library.
-- expect: runtime_error
function decide(input)
  return string(input)
end
