-- A text without an end.
-- expect: load_error
function decide(input) return { allow = "true } end
