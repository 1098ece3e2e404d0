-- decide only through the metatable of the globals.
-- expect: load_error
_ENV.decied = function() return { allow = true } end
