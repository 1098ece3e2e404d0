-- Runs a file.
-- expect: runtime_error
function decide(input)
  dofile("/dev/stdin")
  return { allow = true }
end
