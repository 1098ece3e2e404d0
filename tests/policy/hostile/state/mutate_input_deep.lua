-- Changes what lies deeper.
-- expect: runtime_error|{"allow":false,"reason":"free"}
function decide(input)
  local plan = input.subject.plan
  input.subject.plan = "owned"
  input.deep.a.b.c = nil
  return { allow = plan ~= "free", reason = plan }
end
