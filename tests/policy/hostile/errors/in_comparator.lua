-- An error out of a comparator.
-- expect: runtime_error
function decide(input)
  table.sort({ 1, 2, 3 }, function() error("owned") end)
  return { allow = true }
end
