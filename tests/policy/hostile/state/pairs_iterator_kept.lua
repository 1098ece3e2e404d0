-- An iterator of one call used in the next.
-- expect: {"allow":false,"reason":"fresh"}
function decide(input)
  if iterator then return { allow = true, reason = tostring(iterator(subject)) } end
  iterator, subject = pairs(input)
  iterator(subject)
  return { allow = false, reason = "fresh" }
end
