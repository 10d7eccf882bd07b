-- Tells what the log of one client holds, and changes nothing.
-- KEYS[1]: the log, as in admit.lua. ARGV: the window in ms.
-- Returns for each counted request, the oldest first, the ms until it leaves the window.
local log, window = KEYS[1], tonumber(ARGV[1])
local waits, lifetime = {}, redis.call('PTTL', log)
-- There is no log, or one without an expiry, which the next count gives it.
if lifetime < 0 then return waits end

-- The server's clock in ms, as the log's expiry tells it: some services refuse TIME in scripts.
local now = redis.call('PEXPIRETIME', log) - lifetime
local times = redis.pcall('LRANGE', log, 0, -1)
-- Anything but a list of times under this name is not ours, and the next count deletes it.
if times.err then return waits end
for i = #times, 1, -1 do
  local at = tonumber(times[i])
  if at and at <= now and at >= now - window then waits[#waits + 1] = at + window + 1 - now end
end
return waits
