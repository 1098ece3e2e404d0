-- ccp.data as the result.
-- expect: bad_result
function decide(input) return ccp.data end
