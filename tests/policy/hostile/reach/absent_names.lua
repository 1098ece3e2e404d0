-- Every name that the allow-list leaves out, asked for by name.
-- expect: {"allow":false,"reason":"contained"}
local names = { "_G", "getmetatable", "setmetatable", "rawget", "rawset", "rawequal", "rawlen", "next", "pcall", "xpcall",
  "load", "loadstring", "loadfile", "dofile", "require", "package", "coroutine", "debug", "os", "io", "collectgarbage",
  "print", "warn", "newproxy", "setfenv", "getfenv", "module", "unpack", "bit32", "jit", "ffi" }
local inner = { table = { "move", "pack" }, math = { "random", "randomseed", "sin", "exp", "log", "sqrt", "modf" },
  string = { "dump", "pack", "unpack", "packsize", "match", "gmatch", "gsub" }, utf8 = { "codes", "offset", "charpattern" } }
function decide(input)
  for _, name in ipairs(names) do
    if _ENV[name] ~= nil then return { allow = true, reason = name } end
  end
  for library, list in pairs(inner) do
    for _, name in ipairs(list) do
      if _ENV[library][name] ~= nil then return { allow = true, reason = library .. "." .. name } end
    end
  end
  return { allow = false, reason = "contained" }
end
