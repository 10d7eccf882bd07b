-- Deletes the reservation of an attempt that was never checked.
-- KEYS and ARGV as in begin.lua.
for _, key in ipairs(KEYS) do
  redis.call('ZREM', key, 'r' .. ARGV[1])
end
return redis.status_reply('OK')
