-- Colours and a bell for the terminal of who reads it.
-- expect: runtime_error
function decide(input) error("\27[2J\27[31mowned\7\8\8\8\r\n\t\0tail\127") end
