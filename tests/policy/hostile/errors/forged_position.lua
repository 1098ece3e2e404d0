-- A message that claims another file.
-- expect: runtime_error
function decide(input) error("default.lua:1: allowed by the operator", 0) end
