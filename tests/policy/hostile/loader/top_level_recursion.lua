-- Recursion while it is loaded.
-- expect: load_error|memory
local function f() return 1 + f() end
f()
function decide(input) return { allow = true } end
