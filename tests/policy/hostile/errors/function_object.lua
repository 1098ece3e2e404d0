-- An error that is a function.
-- expect: runtime_error
function decide(input) error(decide) end
