-- One star in front of a long tail that almost fits at every place.
-- expect: timeout|runtime_error
function decide(input)
  local text, pattern = ("a"):rep(64000), "*" .. ("a"):rep(32000) .. "b*"
  for i = 1, 1000 do text:glob(pattern) end
  return { allow = true }
end
