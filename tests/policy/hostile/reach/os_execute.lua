-- Runs a command.
-- expect: runtime_error
function decide(input)
  os.execute("touch /tmp/ccp-policy-escaped")
  return { allow = true }
end
