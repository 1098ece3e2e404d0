-- Changes the signed constants.
-- expect: runtime_error
function decide(input)
  ccp.data.plan = "owned"
  return { allow = true }
end
