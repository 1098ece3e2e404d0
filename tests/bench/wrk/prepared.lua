-- Sends prepared requests over keep-alive connections (tests/bench/wrk.mjs says how they lie in the file).
-- Each thread takes its share. "once": every request is sent once; a connection that finds none left stays
-- quiet, and when all of a thread are quiet, its last answer has come. "cycle": round and round.
-- No response() here: parsing every answer's head in Lua would measure the client.
local ffi = require("ffi")
ffi.cdef [[
  struct ccp_timespec { long sec; long nsec; };
  int clock_gettime(int clock, struct ccp_timespec *at);
  long write(int fd, const void *bytes, size_t count);
]]

local at = ffi.new("struct ccp_timespec")
local function now()
  ffi.C.clock_gettime(1, at)
  return tonumber(at.sec) + tonumber(at.nsec) / 1e9
end

local count = 0
function setup(thread)
  thread:set("id", count)
  count = count + 1
end

local requests, size, next_one, quiet, connections, cycle = {}, 0, 1, 0, 0, false
local began, verify

function init(args)
  local file, mode, threads = args[1], args[2], tonumber(args[3])
  connections = tonumber(args[4]) / threads
  cycle = mode == "cycle"
  verify = id == 0  -- wrk asks the first thread for one request before it starts, to look at it
  local input = assert(io.open(file, "rb"))
  local n = 0
  while true do
    local line = input:read("*l")
    if not line then break end
    local text = input:read(tonumber(line))
    input:read(1)
    if n % threads == id then
      size = size + 1
      requests[size] = text
    end
    n = n + 1
  end
  input:close()
end

function request()
  if verify then
    verify = false
    return requests[1] or "GET / HTTP/1.1\r\n\r\n"
  end
  if next_one <= size then
    began = began or now()
    local text = requests[next_one]
    next_one = next_one + 1
    if cycle and next_one > size then next_one = 1 end
    return text
  end
  quiet = quiet + 1
  if quiet == connections then
    local text = string.format("%d %.9f %.9f\n", id, began or now(), now())
    ffi.C.write(3, text, #text)
  end
  return ""
end
