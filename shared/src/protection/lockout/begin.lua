-- KEYS: one per guard, a sorted set of guesses by the time they stop counting; `<key>:lock` and `<key>:relapses`
-- beside it. ARGV: the attempt, a reservation's life, a lock's memory, then per guard {failures, window, lock,
-- longest lock, cleared by success}. Times are in ms.
-- Members are 'r<attempt>' (reserved) or 'f<attempt>' (failed). Answers {1, 0}, or {0, ms to wait}.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local attempt, life = ARGV[1], tonumber(ARGV[2])

local wait = 0
for i, key in ipairs(KEYS) do
  local locked = redis.call('PTTL', key .. ':lock')
  if locked == -1 then redis.call('DEL', key .. ':lock') end
  wait = math.max(wait, locked)

  local count = redis.pcall('ZREMRANGEBYSCORE', key, '-inf', now)
  if type(count) == 'table' then redis.call('DEL', key) end -- not a sorted set: not ours
  redis.call('ZREM', key, 'r' .. attempt) -- run a second time after a lost answer
  if redis.call('ZCARD', key) >= tonumber(ARGV[5 * i - 1]) then
    -- Full of guesses in flight: their outcome decides, so ask again soon.
    wait = math.max(wait, 1000)
  end
end
if wait > 0 then return {0, wait} end

for i, key in ipairs(KEYS) do
  redis.call('ZADD', key, now + life, 'r' .. attempt)
  redis.call('PEXPIRE', key, math.max(tonumber(ARGV[5 * i]), life))
end
return {1, 0}
