-- A part of the input within the result is copied, or refused.
-- expect: bad_result|{"allow":false}
function decide(input) return { allow = false, obligations = { subject = input.subject, list = input.list } } end
