-- A builtin under the name of decide.
-- expect: bad_result|runtime_error
decide = pairs
