-- Changes a list within them.
-- expect: runtime_error
function decide(input)
  ccp.data.models.list[1] = "owned"
  return { allow = true }
end
