-- Texts are bytes.
-- expect: {"allow":false,"reason":"7 5"}
function decide(input)
  return { allow = false, reason = #input.text .. " " .. utf8.len(input.text) }
end
