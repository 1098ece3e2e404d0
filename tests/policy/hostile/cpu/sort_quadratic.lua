-- An adversary that makes up the order while it is asked.
-- expect: timeout
function decide(input)
  local n = 5000
  local value, order, solid, candidate = {}, {}, 0, 0
  for i = 1, n do value[i], order[i] = n + 1, i end
  table.sort(order, function(x, y)
    if value[x] > n and value[y] > n then
      solid = solid + 1
      if x == candidate then value[x] = solid else value[y] = solid end
    end
    if value[x] > n then candidate = x elseif value[y] > n then candidate = y end
    return value[x] < value[y]
  end)
  return { allow = true }
end
