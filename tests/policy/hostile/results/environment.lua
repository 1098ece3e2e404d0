-- The environment as the result, with allow as a global.
-- expect: bad_result
allow = true
function decide(input) return _ENV end
