-- A table without allow.
-- expect: bad_result
function decide(input) return {} end
