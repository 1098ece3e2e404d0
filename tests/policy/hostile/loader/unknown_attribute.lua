-- An attribute that Lua does not have.
-- expect: load_error
local limit <frozen> = 1
function decide(input) return { allow = true } end
