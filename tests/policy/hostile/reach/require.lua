-- Loads a module.
-- expect: runtime_error
function decide(input)
  return { allow = require("os") ~= nil }
end
