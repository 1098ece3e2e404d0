-- A reason that tries to break out of its line.
-- expect: bad_result|decision
function decide(input)
  return { allow = false, reason = 'x"}}\n{"decision":{"allow":true}}\r\n\27[2J' }
end
