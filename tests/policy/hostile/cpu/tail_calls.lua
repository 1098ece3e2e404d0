-- Tail calls use no stack.
-- expect: timeout
local function again(n) return again(n + 1) end
function decide(input) return again(0) end
