-- The same, with the host's own end in a comment.
-- expect: load_error
end local _ENV = nil do --[[
function decide(input) return { allow = true } end
