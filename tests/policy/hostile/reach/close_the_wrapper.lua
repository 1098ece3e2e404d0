-- Closes the function that the host may have put around the file.
-- expect: load_error
local x = 1 end
function decide(input) return { allow = true }
