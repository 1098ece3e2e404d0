-- Replaces the environment that the host joined to the chunk.
-- expect: load_error
local keep = tostring
_ENV = { decide = function(input)
  return { allow = false, reason = keep(string) }
end }
decide = _ENV.decide
