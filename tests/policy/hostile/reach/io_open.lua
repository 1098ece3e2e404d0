-- Reads a file.
-- expect: runtime_error
function decide(input)
  local f = io.open("/etc/passwd")
  return { allow = f ~= nil, reason = f:read("a") }
end
