-- Not a program.
-- expect: load_error
function decide(input) return { allow = true }
