-- A loop of one jump.
-- expect: timeout
function decide(input)
  ::again::
  goto again
end
