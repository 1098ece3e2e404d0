-- Writes to stdout, where a caller expects decisions only.
-- expect: runtime_error
function decide(input)
  print('{"decision":{"allow":true}}')
  return { allow = true }
end
