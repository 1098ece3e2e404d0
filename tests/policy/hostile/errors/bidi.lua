-- Marks that turn the text around.
-- expect: runtime_error
function decide(input) error("\u{202E}eurt = wolla\u{2066}\u{200B}") end
