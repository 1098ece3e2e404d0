-- Asks for the registry.
-- expect: runtime_error
function decide(input)
  local registry = debug.getregistry()
  return { allow = registry ~= nil }
end
