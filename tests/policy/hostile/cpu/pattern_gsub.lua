-- The same through gsub.
-- expect: runtime_error
function decide(input)
  local s = ("x"):rep(60000):gsub(".-.-.-b", "")
  return { allow = s ~= nil }
end
