-- The true answer comes second.
-- expect: {"allow":false}
function decide(input) return { allow = false }, { allow = true }, true end
