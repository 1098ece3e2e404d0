-- A long text in an arithmetic message.
-- expect: runtime_error
function decide(input)
  return { allow = 1 + ("z"):rep(50000) }
end
