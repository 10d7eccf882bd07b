-- Stores a page, unless the version has been raised since the page was looked up.
-- KEYS: the version, the page. ARGV: the version at the look-up, the page behind that version and a colon, the time at
-- which it expires in ms since 1970.
if redis.pcall('GET', KEYS[1]) == ARGV[1] then
  redis.call('SET', KEYS[2], ARGV[2], 'PXAT', ARGV[3])
end
return redis.status_reply('OK')
