-- assert() returns its arguments: the input decides.
-- expect: bad_result
decide = assert
