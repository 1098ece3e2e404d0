-- A reserved word as a name.
-- expect: load_error
function decide(end) return { allow = true } end
