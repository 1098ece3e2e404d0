-- Counts how often the chunk runs.
-- expect: {"allow":false,"reason":"1"}
runs = (runs or 0) + 1
function decide(input) return { allow = runs > 1, reason = tostring(runs) } end
