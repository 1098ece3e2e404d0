-- Walks everything that can be reached from the globals, and looks for names that must not be there.
-- expect: {"allow":false,"reason":"contained"}
local forbidden = {}
for _, name in ipairs({ "execute", "open", "popen", "getinfo", "sethook", "getmetatable", "setmetatable", "rawset", "rawget",
  "rawequal", "rawlen", "next", "pcall", "xpcall", "load", "dofile", "loadfile", "require", "collectgarbage", "print", "warn",
  "dump", "pack", "unpackstring", "packsize", "match", "gmatch", "gsub", "move", "random", "randomseed", "codes", "offset",
  "wrap", "yield", "create", "exit", "getenv", "remove_file", "rename", "tmpname", "time", "clock", "date", "traceback" }) do
  forbidden[name] = true
end
function decide(input)
  local seen, queue, at = {}, { _ENV, string, table, math, utf8, ccp, input }, 1
  local found
  while queue[at] do
    local t = queue[at]
    at = at + 1
    if not seen[t] then
      seen[t] = true
      for k, v in pairs(t) do
        if forbidden[k] and type(v) == "function" then found = k end
        if type(v) == "table" then queue[#queue + 1] = v end
        if type(v) == "userdata" or type(v) == "thread" then found = type(v) end
      end
    end
  end
  if found then return { allow = true, reason = found } end
  return { allow = false, reason = "contained" }
end
