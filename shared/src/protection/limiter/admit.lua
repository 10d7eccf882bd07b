-- Counts one request, if the limit permits it.
-- KEYS[1]: the log of one client, a list of admission times in ms, newest first. ARGV: the limit, the window in ms.
-- Returns {1 if the request is admitted, how many more would pass now, ms until one more may pass}.
local log, limit, window = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2])

-- The server's clock in ms, as the log's expiry tells it: some services refuse TIME in scripts. Nil without a log.
local function clock()
  local lifetime = window + 1
  if redis.call('PEXPIRE', log, lifetime) == 1 then return redis.call('PEXPIRETIME', log) - lifetime end
end

local now = clock()
if not now then
  redis.call('LPUSH', log, '0')
  redis.call('LSET', log, 0, string.format('%.0f', clock()))
  return {1, limit - 1, window}
end

-- The time of the oldest admission. Anything but a list of times under this name is not ours.
local function oldest()
  local entry = redis.pcall('LINDEX', log, -1)
  if not entry then return nil end
  local at = type(entry) == 'string' and tonumber(entry)
  if not at or at ~= at or at > now then
    redis.call('DEL', log)
    return nil
  end
  return at
end

-- Times are cut to whole milliseconds, and the true times of two entries may be closer by one. So an entry counts for one
-- more than the window.
local first = oldest()
while first and first < now - window do
  redis.call('RPOP', log)
  first = oldest()
end

local used = redis.call('LPUSH', log, string.format('%.0f', now))
local admitted = used <= limit
if not admitted then
  redis.call('LPOP', log)
  used = used - 1
end
-- A list that became empty is gone, and its expiry with it.
if not first then redis.call('PEXPIRE', log, window + 1) end
-- One more request may pass when this entry leaves the window: the oldest, or a younger one while the limit has just
-- been lowered.
local blocking = first or now
if used > limit then
  blocking = tonumber(redis.call('LINDEX', log, limit - 1)) or now
end
local wait = math.min(blocking + window + 1 - now, window)
return {admitted and 1 or 0, math.max(limit - used, 0), wait}
