-- Recursion through a host function uses the stack of C.
-- expect: memory|runtime_error|timeout
function decide(input)
  local function f()
    table.sort({ 2, 1 }, function(a, b)
      f()
      return a < b
    end)
  end
  f()
  return { allow = true }
end
