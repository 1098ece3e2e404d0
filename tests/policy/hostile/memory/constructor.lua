-- A long constructor, nested.
-- expect: memory|timeout
function decide(input)
  local function grow(n)
    return n == 0 and {} or { grow(n - 1), grow(n - 1), grow(n - 1), grow(n - 1), grow(n - 1) }
  end
  return { allow = grow(9) ~= nil }
end
