-- Keys that no input has.
-- expect: {"allow":false,"reason":"contained"}
function decide(input)
  for _, key in ipairs({ 0, -1, 1.5, true, "__index", "", "\0", "n\0", math.maxinteger, math.huge }) do
    if input[key] ~= nil then return { allow = true } end
  end
  if input[input] ~= nil or input[decide] ~= nil or input[0 / 0] ~= nil then return { allow = true } end
  return { allow = false, reason = "contained" }
end
