-- A cut must not fall into a character.
-- expect: runtime_error
function decide(input) error(("é"):rep(20000)) end
