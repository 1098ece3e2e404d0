-- Replaces a helper.
-- expect: runtime_error
function decide(input)
  ccp.semver_cmp = function() return 1 end
  return { allow = true }
end
