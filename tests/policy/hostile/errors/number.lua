-- An error that is a number.
-- expect: runtime_error
function decide(input) error(42) end
