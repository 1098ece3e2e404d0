-- Bytecode of itself, through the library and through the metatable of strings.
-- expect: {"allow":false,"reason":"contained"}
function decide(input)
  if string.dump or ("").dump then
    return { allow = true, reason = string.dump(decide) }
  end
  return { allow = false, reason = "contained" }
end
