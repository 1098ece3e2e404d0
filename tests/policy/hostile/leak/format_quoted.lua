-- %q writes values as source.
-- expect: runtime_error
function decide(input)
  return { allow = false, reason = string.format("%q", 1 / 3) }
end
