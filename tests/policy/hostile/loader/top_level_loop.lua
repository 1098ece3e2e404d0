-- A loop while it is loaded.
-- expect: load_error|timeout
while true do end
function decide(input) return { allow = true } end
