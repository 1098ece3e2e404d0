-- A long row of minus signs and exponents that is one expression.
-- expect: load_error|{"allow":false}
local x = 1e308*1e308-1e308*1e308/0%5^-5^-5^-5//-0.0|0
function decide(input) return { allow = false } end
