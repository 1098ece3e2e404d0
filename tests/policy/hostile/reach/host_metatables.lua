-- Metatables of what the host made, asked for as fields.
-- expect: {"allow":false,"reason":"contained"}
function decide(input)
  for _, object in ipairs({ string, table, math, utf8, ccp, ccp.data, input, _ENV }) do
    for _, name in ipairs({ "__index", "__newindex", "__metatable", "__gc", "__mode", "__name", "__pairs", "__len", "__close" }) do
      if object[name] ~= nil then return { allow = true, reason = name } end
    end
  end
  return { allow = false, reason = "contained" }
end
