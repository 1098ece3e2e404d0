-- A host function that changes its argument as decide().
-- expect: bad_result|runtime_error
decide = table.sort
