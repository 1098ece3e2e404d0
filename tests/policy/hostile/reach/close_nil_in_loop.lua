-- The fourth value of a generic for is closed at its end.
-- expect: runtime_error
function decide(input)
  for i in function() end, nil, nil, ccp do return { allow = true } end
  return { allow = true }
end
