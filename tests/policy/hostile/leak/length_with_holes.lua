-- The border of a table with holes is the same every time.
-- expect: {"allow":false}
function decide(input)
  local t = { 1, 2, nil, 4, nil, nil, 7 }
  t[16], t[8] = 1, 1
  local u = { n = 1, [1] = 1, [2] = 1, [4] = 1 }
  return { allow = false, reason = #t .. " " .. #u }
end
