-- A number.
-- expect: bad_result
function decide(input) return 1 end
