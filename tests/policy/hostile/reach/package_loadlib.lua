-- Loads a shared library.
-- expect: runtime_error
function decide(input)
  return { allow = package.loadlib("/lib/x86_64-linux-gnu/libc.so.6", "*") }
end
