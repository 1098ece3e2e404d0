-- A yield while it is loaded.
-- expect: load_error
coroutine.yield()
function decide(input) return { allow = true } end
