-- 200 KB of message, or as much as a text may have.
-- expect: runtime_error|memory
function decide(input) error(("x"):rep(60000)) end
