-- allow as a text.
-- expect: bad_result
function decide(input) return { allow = "true" } end
