-- A comparator that makes up its order as it is asked drives the partitions to extremes.
-- expect: timeout|runtime_error|decision
function decide(input)
  local n = 400
  local value, order, solid, candidate = {}, {}, 0, 0
  for i = 1, n do value[i], order[i] = 1 / 0, i end
  local function less(x, y)
    if value[x] == 1 / 0 and value[y] == 1 / 0 then
      solid = solid + 1
      if x == candidate then value[x] = solid else value[y] = solid end
    end
    if value[x] == 1 / 0 then candidate = x elseif value[y] == 1 / 0 then candidate = y end
    return value[x] < value[y]
  end
  table.sort(order, less)
  local h = 0
  for i = 1, n do h = (h * 31 + order[i]) % 1000003 end
  return { allow = false, reason = tostring(h) }
end
