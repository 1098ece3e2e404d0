-- Compiles a file.
-- expect: runtime_error
function decide(input)
  return { allow = loadfile("/etc/passwd") == nil }
end
