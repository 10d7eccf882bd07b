-- KEYS and ARGV as in begin.lua. The guess was never checked: as if not made.
for _, key in ipairs(KEYS) do
  redis.call('ZREM', key, 'r' .. ARGV[1])
end
return redis.status_reply('OK')
