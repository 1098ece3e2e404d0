-- Calls the input.
-- expect: runtime_error
function decide(input) return input({}) end
