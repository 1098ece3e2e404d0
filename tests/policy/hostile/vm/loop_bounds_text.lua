-- Texts as bounds.
-- expect: runtime_error|decision
function decide(input)
  local n = 0
  for i = "1", "10" do n = n + 1 end
  return { allow = n == 0, reason = tostring(n) }
end
