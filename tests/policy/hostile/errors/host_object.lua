-- An error that is a library, or the input.
-- expect: runtime_error
function decide(input) error(input.n == 2 and input or string) end
