-- Stores a page, unless the version has been raised since the page was looked up.
-- KEYS[1]: the version. ARGV: the page's key, the version at the look-up, the page, its lifetime in ms.
local version = redis.call('GET', KEYS[1])
if version == ARGV[2] then
  redis.call('SET', KEYS[1] .. ':' .. version .. ':' .. ARGV[1], ARGV[3], 'PX', ARGV[4])
end
return redis.status_reply('OK')
