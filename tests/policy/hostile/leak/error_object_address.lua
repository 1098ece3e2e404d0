-- The text of an error that is a table.
-- expect: runtime_error
function decide(input)
  error({ allow = true })
end
