-- A number that is none.
-- expect: load_error
function decide(input) return { allow = 3x } end
