-- Catches the refusal and allows.
-- expect: runtime_error
function decide(input)
  pcall(string.rep, "x", 2 ^ 30)
  return { allow = true }
end
