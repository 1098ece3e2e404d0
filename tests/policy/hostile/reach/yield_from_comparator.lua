-- Leaves a C function by a yield.
-- expect: runtime_error
function decide(input)
  table.sort({ 3, 2, 1 }, function(a, b) return coroutine.yield(true) end)
  return { allow = true }
end
