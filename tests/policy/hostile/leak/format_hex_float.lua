-- %a is written differently by different C libraries.
-- expect: runtime_error
function decide(input)
  return { allow = false, reason = string.format("%a", 1 / 3) }
end
