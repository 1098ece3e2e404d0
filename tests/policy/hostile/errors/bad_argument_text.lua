-- A host function refuses its argument.
-- expect: runtime_error
function decide(input)
  local calls = { function() return ("x"):rep({}) end, function() return utf8.char("\0") end, function() return table.concat({ {} }) end }
  return { allow = calls[input.n]() }
end
