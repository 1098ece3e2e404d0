-- The raw order in a generic for.
-- expect: runtime_error
function decide(input)
  for k in next, { a = 1 } do return { allow = true } end
end
