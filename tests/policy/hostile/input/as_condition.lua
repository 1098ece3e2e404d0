-- A missing member in arithmetic.
-- expect: runtime_error
function decide(input)
  return { allow = input.subject.limit + 1 > 0 }
end
