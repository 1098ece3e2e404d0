-- Addresses by %s of a table.
-- expect: runtime_error
function decide(input)
  return { allow = false, reason = string.format("%s", {}) }
end
