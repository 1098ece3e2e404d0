-- More code points than allowed, and places outside.
-- expect: runtime_error
function decide(input)
  local s = ("é"):rep(1000)
  if input.n == 1 then return { allow = utf8.codepoint(s, 1, -1) } end
  if input.n == 2 then return { allow = utf8.codepoint(s, 5000) } end
  return { allow = utf8.codepoint(s, 2) }
end
