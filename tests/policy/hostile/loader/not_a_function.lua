-- decide is a number.
-- expect: load_error
decide = 5
