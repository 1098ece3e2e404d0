-- Deep, not wide.
-- expect: memory|timeout
function decide(input)
  local head
  while true do head = { head, head } end
end
