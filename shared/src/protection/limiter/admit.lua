-- KEYS[1]: the log of one client. ARGV: the limit, the window in µs.
-- Counts one request, if the limit permits it. Returns {admitted, remaining, µs until one more may pass}.
local limit, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

-- The log is a list of admission times, newest first. Anything else under this name is not ours.
local function oldest()
  local entry = redis.pcall('LINDEX', KEYS[1], -1)
  if not entry then return nil end
  local at = type(entry) == 'string' and tonumber(entry)
  if not at or at ~= at or at > now then
    redis.call('DEL', KEYS[1])
    return nil
  end
  return at
end

local first = oldest()
while first and first <= now - window do
  redis.call('RPOP', KEYS[1])
  first = oldest()
end

local used = redis.call('LPUSH', KEYS[1], string.format('%.0f', now))
local admitted = used <= limit
if not admitted then
  redis.call('LPOP', KEYS[1])
  used = used - 1
end
redis.call('PEXPIRE', KEYS[1], math.ceil(window / 1000))
-- One more request may pass when this entry leaves the window: the oldest, or a younger one while the limit has just
-- been lowered.
local blocking = first or now
if used > limit then
  blocking = tonumber(redis.call('LINDEX', KEYS[1], limit - 1)) or now
end
return {admitted and 1 or 0, math.max(limit - used, 0), blocking + window - now}
