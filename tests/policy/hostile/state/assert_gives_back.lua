-- assert() and select() return what they got: host objects stay read-only.
-- expect: runtime_error
function decide(input)
  local lib = select(2, assert(true, math))
  lib.pi = 3
  return { allow = math.pi == 3 }
end
