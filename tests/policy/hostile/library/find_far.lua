-- find() from places outside.
-- expect: {"allow":false,"reason":"nil 4 3 nil"}
function decide(input)
  local s = "abc"
  return { allow = false, reason = tostring((s:find("a", 10))) .. " " .. tostring((s:find("", 4))) .. " " .. tostring((s:find("c", -1))) .. " " .. tostring((s:find("", math.maxinteger))) }
end
