-- Nor is a bad result.
-- expect 1: bad_result
-- expect 2: {"allow":false,"reason":"2"}
-- expect 3: bad_result
function decide(input)
  if input.n ~= 2 then return 7 end
  return { allow = false, reason = "2" }
end
