-- A function.
-- expect: bad_result
function decide(input) return function() return { allow = true } end end
