-- Two functions that call each other.
-- expect: timeout
local ping
local function pong(x) return ping(x) end
function ping(x) return pong(x) end
function decide(input) return ping(input) end
