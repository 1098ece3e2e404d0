-- A break without a loop.
-- expect: load_error
function decide(input) break end
