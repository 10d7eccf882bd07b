-- Deletes the reservation of an attempt that was never checked.
-- KEYS and ARGV as in begin.lua.
for i = 1, #KEYS / 3 do
  redis.call('ZREM', KEYS[3 * i - 2], 'r' .. ARGV[1])
end
return redis.status_reply('OK')
