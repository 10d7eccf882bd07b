-- KEYS[1] the space; ARGV: the page's hash, the version its reader saw, the page, its life in ms.
local version = redis.call('GET', KEYS[1])
if version == ARGV[2] then
  redis.call('SET', KEYS[1] .. ':' .. version .. ':' .. ARGV[1], ARGV[3], 'PX', ARGV[4])
end
return redis.status_reply('OK')
