-- Tables of argument lists.
-- expect: memory|timeout
function decide(input)
  local function pack(...) return { ... } end
  local t = {}
  for i = 1, 250 do t[i] = i end
  local kept = {}
  while true do kept[#kept + 1] = pack(table.unpack(t)) end
end
