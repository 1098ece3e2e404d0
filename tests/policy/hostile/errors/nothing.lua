-- An error without a message.
-- expect: runtime_error
function decide(input)
  if input.n == 1 then error() end
  error(nil)
end
