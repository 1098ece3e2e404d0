-- allow as an element.
-- expect: bad_result
function decide(input) return { "allow", true } end
