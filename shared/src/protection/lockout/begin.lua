-- Reserves an attempt under every counter, or under none of them.
-- KEYS: one per counter, a sorted set of attempts by the time at which they stop counting, with members 'r<attempt>'
-- (reserved) and 'f<attempt>' (failed). Beside it are `<key>:lock`, and `<key>:relapses`, the number of recent locks.
-- ARGV: the attempt's id, the lifetimes of a reservation and of that number, then per counter {threshold, window, lock
-- duration, longest lock duration, 1 if a success clears it}. Times are in ms.
-- Returns {1, 0}, or {0, ms to wait}.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local attempt, reservation_ttl = ARGV[1], tonumber(ARGV[2])

local wait = 0
for i, key in ipairs(KEYS) do
  local locked = redis.call('PTTL', key .. ':lock')
  if locked == -1 then redis.call('DEL', key .. ':lock') end
  wait = math.max(wait, locked)

  local count = redis.pcall('ZREMRANGEBYSCORE', key, '-inf', now)
  if type(count) == 'table' then redis.call('DEL', key) end -- of another type than a sorted set
  redis.call('ZREM', key, 'r' .. attempt) -- the script may run again after a lost response
  if redis.call('ZCARD', key) >= tonumber(ARGV[5 * i - 1]) then
    -- Full of attempts in flight: their results decide, so try again soon.
    wait = math.max(wait, 1000)
  end
end
if wait > 0 then return {0, wait} end

for i, key in ipairs(KEYS) do
  redis.call('ZADD', key, now + reservation_ttl, 'r' .. attempt)
  redis.call('PEXPIRE', key, math.max(tonumber(ARGV[5 * i]), reservation_ttl))
end
return {1, 0}
