-- Varargs where there are none.
-- expect: load_error
function decide(input) return { allow = ... } end
