-- Many empty tables.
-- expect: memory|timeout
function decide(input)
  local t = {}
  while true do t[#t + 1] = {} end
end
