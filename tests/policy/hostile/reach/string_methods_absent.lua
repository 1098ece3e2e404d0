-- Methods of strings are the restricted set.
-- expect: {"allow":false,"reason":"contained"}
function decide(input)
  for _, name in ipairs({ "match", "gmatch", "gsub", "dump", "pack", "unpack", "packsize", "__index", "__name", "__add" }) do
    if ("").x == nil and (("")[name] ~= nil or string[name] ~= nil) then return { allow = true, reason = name } end
  end
  return { allow = false, reason = "contained" }
end
