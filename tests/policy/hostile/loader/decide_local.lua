-- A local decide is none.
-- expect: load_error
local function decide(input) return { allow = true } end
