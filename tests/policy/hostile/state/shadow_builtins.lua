-- Own globals under the names of builtins, for a later call.
-- expect: {"allow":false,"reason":"table"}
function decide(input)
  local before = type({})
  type = function() return "owned" end
  tostring, pairs, ipairs, string, table = type, type, type, type, type
  return { allow = before ~= "table", reason = before }
end
