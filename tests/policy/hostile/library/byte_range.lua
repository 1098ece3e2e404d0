-- More bytes than allowed.
-- expect: runtime_error
function decide(input) return { allow = (("x"):rep(1000)):byte(1, -1) ~= nil } end
