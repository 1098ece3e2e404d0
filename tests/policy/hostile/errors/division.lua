-- The arithmetic that raises.
-- expect: runtime_error
function decide(input)
  local calls = { function() return 1 // 0 end, function() return 1 % 0 end, function() return math.mininteger // 0 end }
  return { allow = calls[input.n]() == 0 }
end
