-- Compiles bytecode, which could do anything.
-- expect: runtime_error
function decide(input)
  local f = load("\27Lua\84\0\25\147\r\n\26\n\4\8\8", "x", "b")
  return { allow = true, reason = type(f) }
end
