-- decide is a table.
-- expect: load_error
decide = { allow = true }
