-- Looks for io under other names.
-- expect: {"allow":false,"reason":"contained"}
function decide(input)
  for _, name in ipairs({ "io", "os", "debug", "package", "require", "_G", "_LOADED", "coroutine", "arg" }) do
    if _ENV[name] ~= nil then return { allow = true, reason = name } end
  end
  return { allow = false, reason = "contained" }
end
