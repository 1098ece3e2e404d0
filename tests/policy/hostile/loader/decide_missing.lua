-- No decide at all.
-- expect: load_error
function decied(input) return { allow = true } end
