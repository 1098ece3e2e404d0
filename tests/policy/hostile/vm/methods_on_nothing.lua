-- A method of nil, through a chain.
-- expect: runtime_error
function decide(input) return { allow = input.nobody:upper() == "X" } end
