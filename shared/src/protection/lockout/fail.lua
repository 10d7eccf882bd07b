-- Turns the reservation into a failure, and locks every counter whose failures reach the threshold.
-- KEYS and ARGV as in begin.lua. Returns how many failures count under the first counter.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local attempt, repeat_ttl, first = ARGV[1], ARGV[3], 0

-- Each lock is twice as long as the last one, while that one still counts. `<key>:relapses` is the number of locks that
-- do; the key has this name because deployed versions share it.
local function lock(key, shortest, longest)
  local locks = tonumber(redis.pcall('GET', key .. ':relapses')) or 0
  local length = math.min(shortest * 2 ^ math.min(locks, 30), longest)
  redis.call('SET', key .. ':lock', '1', 'PX', math.ceil(length))
  redis.call('SET', key .. ':relapses', string.format('%.0f', locks + 1), 'PX', repeat_ttl)
end

for i, key in ipairs(KEYS) do
  local threshold, window = tonumber(ARGV[5 * i - 1]), tonumber(ARGV[5 * i])
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
  redis.call('ZREM', key, 'r' .. attempt)
  redis.call('ZADD', key, now + window, 'f' .. attempt)
  redis.call('PEXPIRE', key, window)
  local failures = 0
  for _, member in ipairs(redis.call('ZRANGE', key, 0, -1)) do
    if member:sub(1, 1) == 'f' then failures = failures + 1 end
  end
  if failures >= threshold then
    lock(key, tonumber(ARGV[5 * i + 1]), tonumber(ARGV[5 * i + 2]))
    redis.call('DEL', key) -- after the lock, as many attempts are allowed as before
  end
  if i == 1 then first = failures end
end
return first
