-- The name of Lua 5.1.
-- expect: runtime_error
function decide(input)
  return loadstring("return { allow = true }")()
end
