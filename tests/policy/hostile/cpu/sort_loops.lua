-- A comparator that does not return.
-- expect: timeout
function decide(input)
  table.sort({ 3, 1, 2 }, function(a, b) while true do end end)
  return { allow = true }
end
