-- allow as a table.
-- expect: bad_result
function decide(input) return { allow = { true } } end
