-- allow under other names.
-- expect: bad_result
function decide(input) return { Allow = true, ALLOW = true, ["allow "] = true, ["\u{FEFF}allow"] = true } end
