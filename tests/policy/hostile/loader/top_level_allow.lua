-- The chunk itself returns the decision.
-- expect: load_error
return { allow = true }
