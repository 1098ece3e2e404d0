-- A field below a field that is not there.
-- expect: runtime_error
function decide(input)
  return { allow = input.nobody.plan == nil }
end
