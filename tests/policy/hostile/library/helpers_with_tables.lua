-- Helpers with tables.
-- expect: runtime_error
function decide(input)
  local calls = { function() return string.contains({}, "x") end, function() return string.trim(input) end, function() return string.split("a,b", {}) end }
  return { allow = calls[input.n]() ~= "x" }
end
