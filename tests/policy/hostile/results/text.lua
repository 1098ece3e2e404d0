-- A text that is JSON.
-- expect: bad_result
function decide(input) return '{"allow":true}' end
