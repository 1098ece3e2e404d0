-- Keys of both kinds of numbers, of booleans and of objects.
-- expect: runtime_error|decision
function decide(input)
  local out = {}
  for k in pairs({ [1.5] = 1, [-1] = 1, [2 ^ 53] = 1, [true] = 1, [false] = 1, [math.huge] = 1, [{}] = 1, [decide] = 1, a = 1 }) do
    out[#out + 1] = tostring(k)
  end
  return { allow = false, reason = table.concat(out, ",") }
end
