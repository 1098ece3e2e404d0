-- Compiles further code with its own environment.
-- expect: runtime_error
function decide(input)
  return load("return { allow = true }", "x", "t", {})()
end
