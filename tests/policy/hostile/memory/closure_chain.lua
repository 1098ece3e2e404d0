-- Each function holds the one before.
-- expect: memory|timeout
function decide(input)
  local f = function() return 1 end
  while true do
    local g = f
    f = function() return g end
  end
end
