-- assert() with all kinds of messages.
-- expect: runtime_error
function decide(input)
  if input.n == 1 then assert(false) end
  if input.n == 2 then assert(nil, { allow = true }) end
  assert(false, "plain")
end
