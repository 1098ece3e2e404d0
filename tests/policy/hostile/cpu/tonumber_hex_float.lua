-- Hexadecimal floats have a reader of their own.
-- expect: timeout|decision|runtime_error
function decide(input)
  local s = "0x" .. ("f"):rep(30000) .. "." .. ("f"):rep(30000) .. "p-99"
  for i = 1, 100000 do tonumber(s) end
  return { allow = false }
end
