-- Walks the whole input.
-- expect: {"allow":false}
function decide(input)
  local n = 0
  local function walk(t)
    for k, v in pairs(t) do
      n = n + 1
      if type(v) == "table" then walk(v) end
    end
  end
  walk(input)
  return { allow = n < 10, reason = tostring(n) }
end
