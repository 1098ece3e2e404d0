-- decide() as a tail call.
-- expect: timeout
function decide(input) return decide(input) end
