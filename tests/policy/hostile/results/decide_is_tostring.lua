-- A host function as decide().
-- expect: bad_result
decide = tostring
