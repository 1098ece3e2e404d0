-- A library as the result, with allow nowhere.
-- expect: bad_result
function decide(input) return string end
