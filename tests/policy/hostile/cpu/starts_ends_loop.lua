-- Prefixes of 64 KiB.
-- expect: timeout
function decide(input)
  local a = ("a"):rep(65000)
  local b = ("a"):rep(64999)
  while true do
    a:starts(b)
    a:ends(b)
  end
end
