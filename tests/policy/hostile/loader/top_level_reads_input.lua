-- There is no input while it is loaded.
-- expect: load_error|runtime_error
local plan = input.subject.plan
function decide(input) return { allow = plan == "free" } end
