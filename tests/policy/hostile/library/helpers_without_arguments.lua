-- Helpers without what they need.
-- expect: runtime_error
function decide(input)
  local calls = { function() return string.starts("x") end, function() return string.split() end, function() return string.glob("x") end }
  return { allow = calls[input.n]() ~= "x" }
end
