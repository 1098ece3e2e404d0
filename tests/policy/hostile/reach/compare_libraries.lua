-- Orders host objects.
-- expect: runtime_error
function decide(input)
  return { allow = string < table }
end
