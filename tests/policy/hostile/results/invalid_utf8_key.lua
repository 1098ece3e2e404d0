-- A key that is no text.
-- expect: bad_result
function decide(input) return { allow = false, obligations = { ["\xff"] = 1 } } end
