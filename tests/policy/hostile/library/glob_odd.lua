-- Patterns with brackets, backslashes, braces and zero bytes.
-- expect: runtime_error|decision
function decide(input)
  local out = {}
  for _, p in ipairs({ "[", "[!", "[a-", "\\", "{", "{a,", "**", "***", "**/", "/**", "?\0", "[]", "[z-a]", "[\xff]" }) do
    out[#out + 1] = tostring(("a/b\0"):glob(p))
  end
  return { allow = false, reason = table.concat(out, " ") }
end
