-- Addresses by %p.
-- expect: runtime_error
function decide(input)
  return { allow = false, reason = string.format("%p", {}) }
end
