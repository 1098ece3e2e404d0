-- Fills memory while it is loaded.
-- expect: load_error|memory
local t = {}
for i = 1, 1000 do t[i] = ("x"):rep(60000) .. i end
function decide(input) return { allow = true } end
