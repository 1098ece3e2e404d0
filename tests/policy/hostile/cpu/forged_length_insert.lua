-- A table that claims 2^62 elements: its border is found by doubling.
-- expect: timeout|runtime_error
-- Made by one constructor, all of it lies in the hash part: the border is looked for by doubling.
local function forged(v)
  return {
    [0x1] = v, [0x2] = v, [0x4] = v, [0x8] = v, [0x10] = v, [0x20] = v, [0x40] = v, [0x80] = v,
    [0x100] = v, [0x200] = v, [0x400] = v, [0x800] = v, [0x1000] = v, [0x2000] = v, [0x4000] = v, [0x8000] = v,
    [0x10000] = v, [0x20000] = v, [0x40000] = v, [0x80000] = v, [0x100000] = v, [0x200000] = v, [0x400000] = v, [0x800000] = v,
    [0x1000000] = v, [0x2000000] = v, [0x4000000] = v, [0x8000000] = v, [0x10000000] = v, [0x20000000] = v, [0x40000000] = v, [0x80000000] = v,
    [0x100000000] = v, [0x200000000] = v, [0x400000000] = v, [0x800000000] = v, [0x1000000000] = v, [0x2000000000] = v, [0x4000000000] = v, [0x8000000000] = v,
    [0x10000000000] = v, [0x20000000000] = v, [0x40000000000] = v, [0x80000000000] = v, [0x100000000000] = v, [0x200000000000] = v, [0x400000000000] = v, [0x800000000000] = v,
    [0x1000000000000] = v, [0x2000000000000] = v, [0x4000000000000] = v, [0x8000000000000] = v, [0x10000000000000] = v, [0x20000000000000] = v, [0x40000000000000] = v, [0x80000000000000] = v,
    [0x100000000000000] = v, [0x200000000000000] = v, [0x400000000000000] = v, [0x800000000000000] = v, [0x1000000000000000] = v, [0x2000000000000000] = v, [0x4000000000000000] = v,
  }
end
function decide(input)
  local t = forged("x")
  if #t < 1000000 then return { allow = false, reason = "not forged" } end
  table.insert(t, 1, "x")
  return { allow = true }
end
