-- An error that is a table.
-- expect: runtime_error
function decide(input) error({ allow = true, reason = "owned" }) end
