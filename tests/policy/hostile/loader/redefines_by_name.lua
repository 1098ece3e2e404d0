-- decide defined twice: the last one counts, as everywhere in Lua.
-- expect: {"allow":false,"reason":"second"}
function decide(input) return { allow = true } end
function decide(input) return { allow = false, reason = "second" } end
