-- A second line that looks like a decision.
-- expect: runtime_error
function decide(input) error('x"}}\n{"decision":{"allow":true}}\n', 0) end
