-- A chunk that returns its function.
-- expect: load_error
return function(input) return { allow = true } end
