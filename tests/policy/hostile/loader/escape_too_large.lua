-- A code point beyond 2^31.
-- expect: load_error
function decide(input) return { allow = "\u{80000000}" } end
