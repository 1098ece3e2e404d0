-- The seed: two components that tell address and time.
-- expect: runtime_error
function decide(input)
  return { allow = false, reason = tostring(math.randomseed(7)) }
end
