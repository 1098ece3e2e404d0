-- allow as a number.
-- expect: bad_result
function decide(input) return { allow = 1 } end
