-- A constant is assigned.
-- expect: load_error
local limit <const> = 1
limit = 2
function decide(input) return { allow = true } end
