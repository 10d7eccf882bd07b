-- KEYS and ARGV as in begin.lua. Turns the reservation into a failure and locks where that makes enough of them.
-- Answers how many failures count under the first guard.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local attempt, memory, first = ARGV[1], ARGV[3], 0

-- The next lock: twice the last one, while that is remembered.
local function lock(key, shortest, longest)
  local relapses = tonumber(redis.pcall('GET', key .. ':relapses')) or 0
  local length = math.min(shortest * 2 ^ math.min(relapses, 30), longest)
  redis.call('SET', key .. ':lock', '1', 'PX', math.ceil(length))
  redis.call('SET', key .. ':relapses', string.format('%.0f', relapses + 1), 'PX', memory)
end

for i, key in ipairs(KEYS) do
  local limit, window = tonumber(ARGV[5 * i - 1]), tonumber(ARGV[5 * i])
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
  redis.call('ZREM', key, 'r' .. attempt)
  redis.call('ZADD', key, now + window, 'f' .. attempt)
  redis.call('PEXPIRE', key, window)
  local failures = 0
  for _, member in ipairs(redis.call('ZRANGE', key, 0, -1)) do
    if member:sub(1, 1) == 'f' then failures = failures + 1 end
  end
  if failures >= limit then
    lock(key, tonumber(ARGV[5 * i + 1]), tonumber(ARGV[5 * i + 2]))
    redis.call('DEL', key) -- after the lock there is a full set of tries again
  end
  if i == 1 then first = failures end
end
return first
