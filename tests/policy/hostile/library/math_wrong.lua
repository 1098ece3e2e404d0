-- Arguments that are no numbers.
-- expect: runtime_error
function decide(input)
  local calls = { function() return math.max() end, function() return math.floor({}) end, function() return math.fmod(1, 0) end }
  return { allow = calls[input.n]() ~= "x" }
end
