-- decide is a coroutine.
-- expect: load_error
decide = coroutine.create(function() return { allow = true } end)
