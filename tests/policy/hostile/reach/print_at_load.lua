-- Writes while it is loaded.
-- expect: load_error
print('{"decision":{"allow":true}}')
function decide(input) return { allow = true } end
