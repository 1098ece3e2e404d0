-- An error while it is loaded.
-- expect: load_error
error({ allow = true })
function decide(input) return { allow = true } end
