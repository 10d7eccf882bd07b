-- Deletes the reservation, and the failures and the number of recent locks of every counter that a success clears.
-- Attempts still in flight keep their reservations.
-- KEYS and ARGV as in begin.lua.
local attempt = ARGV[1]
for i, key in ipairs(KEYS) do
  redis.call('ZREM', key, 'r' .. attempt)
  if ARGV[5 * i + 3] == '1' then
    redis.call('DEL', key .. ':relapses')
    for _, member in ipairs(redis.call('ZRANGE', key, 0, -1)) do
      if member:sub(1, 1) == 'f' then redis.call('ZREM', key, member) end
    end
  end
end
return redis.status_reply('OK')
