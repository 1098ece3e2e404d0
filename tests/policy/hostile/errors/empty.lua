-- An empty message.
-- expect: runtime_error
function decide(input) error("") end
