-- KEYS and ARGV as in begin.lua, without the reservation's life. Turns the reservation into a failure and
-- locks where that makes enough of them. Answers how many failures count under the first guard.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local attempt, first = ARGV[1], 0

for i, key in ipairs(KEYS) do
  local limit, window, lock = tonumber(ARGV[4 * i - 2]), tonumber(ARGV[4 * i - 1]), ARGV[4 * i]
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
  redis.call('ZREM', key, 'r' .. attempt)
  redis.call('ZADD', key, now + window, 'f' .. attempt)
  redis.call('PEXPIRE', key, window)
  local failures = 0
  for _, member in ipairs(redis.call('ZRANGE', key, 0, -1)) do
    if member:sub(1, 1) == 'f' then failures = failures + 1 end
  end
  if failures >= limit then
    redis.call('SET', key .. ':lock', '1', 'PX', lock)
    redis.call('DEL', key) -- after the lock there is a full set of tries again
  end
  if i == 1 then first = failures end
end
return first
