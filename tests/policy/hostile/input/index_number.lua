-- A field of a number.
-- expect: runtime_error
function decide(input)
  return { allow = input.n.plan == nil }
end
