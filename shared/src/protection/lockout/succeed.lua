-- Deletes the reservation, and the failures and the number of recent locks of every counter that a success clears.
-- Attempts still in flight keep their reservations.
-- KEYS and ARGV as in begin.lua.
local attempt = ARGV[1]
for i = 1, #KEYS / 3 do
  local attempts, recent_locks = KEYS[3 * i - 2], KEYS[3 * i]
  redis.call('ZREM', attempts, 'r' .. attempt)
  if ARGV[5 * i + 3] == '1' then
    redis.call('DEL', recent_locks)
    for _, member in ipairs(redis.call('ZRANGE', attempts, 0, -1)) do
      if member:sub(1, 1) == 'f' then redis.call('ZREM', attempts, member) end
    end
  end
end
return redis.status_reply('OK')
