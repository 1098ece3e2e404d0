-- Equal elements: a sort that picks its pivot by the clock orders them differently each time.
-- expect: {"allow":false}
function decide(input)
  local t = {}
  for i = 1, 600 do t[i] = { key = i % 3, id = i } end
  -- A shape that unbalances the partitions, so that pivots are chosen anew.
  table.sort(t, function(a, b) return a.key < b.key end)
  local h = 0
  for i = 1, 600 do h = (h * 31 + t[i].id) % 1000003 end
  return { allow = false, reason = tostring(h) }
end
