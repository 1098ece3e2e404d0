-- assert() without arguments.
-- expect: runtime_error
function decide(input) assert() end
