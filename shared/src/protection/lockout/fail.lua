-- Turns the reservation into a failure, and locks every counter whose failures reach the threshold.
-- KEYS and ARGV as in begin.lua. Returns how many failures count under the first counter.
local attempt, repeat_ttl, first = ARGV[1], ARGV[3], 0

-- The server's clock in ms, as the expiry of the first set tells it: some services refuse TIME in scripts.
local function clock()
  local window = tonumber(ARGV[5])
  redis.call('ZADD', KEYS[1], 'inf', 'f' .. attempt)
  redis.call('PEXPIRE', KEYS[1], window)
  return redis.call('PEXPIRETIME', KEYS[1]) - window
end

-- Each lock is twice as long as the last one, while that one still counts.
local function lock(key, recent_locks, shortest, longest)
  local locks = tonumber(redis.pcall('GET', recent_locks)) or 0
  local length = math.min(shortest * 2 ^ math.min(locks, 30), longest)
  redis.call('SET', key, '1', 'PX', math.ceil(length))
  redis.call('SET', recent_locks, string.format('%.0f', locks + 1), 'PX', repeat_ttl)
end

local now = clock()
for i = 1, #KEYS / 3 do
  local attempts = KEYS[3 * i - 2]
  local threshold, window = tonumber(ARGV[5 * i - 1]), tonumber(ARGV[5 * i])
  redis.call('ZREMRANGEBYSCORE', attempts, '-inf', now)
  redis.call('ZREM', attempts, 'r' .. attempt)
  redis.call('ZADD', attempts, now + window, 'f' .. attempt)
  redis.call('PEXPIRE', attempts, window)
  local failures = 0
  for _, member in ipairs(redis.call('ZRANGE', attempts, 0, -1)) do
    if member:sub(1, 1) == 'f' then failures = failures + 1 end
  end
  if failures >= threshold then
    lock(KEYS[3 * i - 1], KEYS[3 * i], tonumber(ARGV[5 * i + 1]), tonumber(ARGV[5 * i + 2]))
    redis.call('DEL', attempts) -- after the lock, as many attempts are allowed as before
  end
  if i == 1 then first = failures end
end
return first
