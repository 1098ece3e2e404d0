-- Too many or too few arguments.
-- expect: runtime_error
function decide(input)
  if input.n == 1 then table.insert({}) end
  if input.n == 2 then table.insert({}, 1, 2, 3) end
  table.insert(nil, 1)
end
