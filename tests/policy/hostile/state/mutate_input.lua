-- Changes the input: allowed or not, the next input is whole.
-- expect: runtime_error|{"allow":false,"reason":"free"}
function decide(input)
  if input.subject.plan ~= "free" then return { allow = true } end
  input.subject = { plan = "owned" }
  input.n = nil
  return { allow = false, reason = "free" }
end
