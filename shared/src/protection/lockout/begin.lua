-- Reserves an attempt under every counter, or under none of them.
-- KEYS: three per counter. First a sorted set of attempts by the time at which they stop counting, in ms, with members
-- 'r<attempt>' (reserved) and 'f<attempt>' (failed); then the lock; then the number of recent locks.
-- ARGV: the attempt's id, the lifetimes of a reservation and of that number, then per counter {threshold, window, lock
-- duration, longest lock duration, 1 if a success clears it}. Times are in ms.
-- Returns {1, 0}, or {0, ms to wait}.
local attempt, reservation_ttl = ARGV[1], tonumber(ARGV[2])
local counters = #KEYS / 3

local function lifetime(i) return math.max(tonumber(ARGV[5 * i]), reservation_ttl) end

-- The server's clock in ms, as the expiry of the first set tells it: some services refuse TIME in scripts.
local function clock()
  local added = redis.pcall('ZADD', KEYS[1], 'inf', 'r' .. attempt)
  if type(added) == 'table' then -- of another type than a sorted set
    redis.call('DEL', KEYS[1])
    redis.call('ZADD', KEYS[1], 'inf', 'r' .. attempt)
  end
  redis.call('PEXPIRE', KEYS[1], lifetime(1))
  return redis.call('PEXPIRETIME', KEYS[1]) - lifetime(1)
end

local now, wait = clock(), 0
for i = 1, counters do
  local attempts, lock = KEYS[3 * i - 2], KEYS[3 * i - 1]
  local locked = redis.call('PTTL', lock)
  if locked == -1 then redis.call('DEL', lock) end
  wait = math.max(wait, locked)

  local removed = redis.pcall('ZREMRANGEBYSCORE', attempts, '-inf', now)
  if type(removed) == 'table' then redis.call('DEL', attempts) end
  -- The one that told the clock; and the script may run again after a lost response.
  redis.call('ZREM', attempts, 'r' .. attempt)
  if redis.call('ZCARD', attempts) >= tonumber(ARGV[5 * i - 1]) then
    -- Full of attempts in flight: their results decide, so try again soon.
    wait = math.max(wait, 1000)
  end
end
if wait > 0 then return {0, wait} end

for i = 1, counters do
  local attempts = KEYS[3 * i - 2]
  redis.call('ZADD', attempts, now + reservation_ttl, 'r' .. attempt)
  redis.call('PEXPIRE', attempts, lifetime(i))
end
return {1, 0}
