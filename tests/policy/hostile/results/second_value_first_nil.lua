-- The first answer is missing.
-- expect: bad_result
function decide(input) return nil, { allow = true } end
