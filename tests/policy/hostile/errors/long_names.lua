-- A name of 50 KB in a message.
-- expect: runtime_error|memory
function decide(input)
  local name = ("n"):rep(50000)
  return { allow = ({})[name].x }
end
