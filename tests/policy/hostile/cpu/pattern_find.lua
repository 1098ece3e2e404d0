-- find() takes its pattern as plain text, whatever the fourth argument says.
-- expect: {"allow":false,"reason":"nil nil 3"}
function decide(input)
  local a = string.find(("a"):rep(300), ("a-"):rep(20) .. "b")
  local b = ("x"):rep(300):find(".-.-.-b", 1, false)
  local c = ("ab.-cd"):find(".-", 1, false)
  return { allow = false, reason = tostring(a) .. " " .. tostring(b) .. " " .. tostring(c) }
end
