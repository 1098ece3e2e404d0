-- A coroutine has counters of its own.
-- expect: runtime_error
function decide(input)
  while true do
    coroutine.wrap(function() for i = 1, 90 do end end)()
  end
end
