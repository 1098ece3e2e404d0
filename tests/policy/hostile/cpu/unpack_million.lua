-- A million results of nothing.
-- expect: runtime_error|memory|timeout
function decide(input)
  return { allow = select("#", table.unpack({}, 1, 1000000)) == 1000000 }
end
