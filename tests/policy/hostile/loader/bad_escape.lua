-- Escapes that are none.
-- expect: load_error
function decide(input) return { allow = "\q" } end
