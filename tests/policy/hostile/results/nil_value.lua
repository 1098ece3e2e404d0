-- nil, spelled out.
-- expect: bad_result
function decide(input) return nil end
