-- error() as decide().
-- expect: runtime_error
decide = error
