-- Stores a page, unless the version has been raised since the page was looked up or too much was stored lately.
-- KEYS: the version, the page, the bytes stored in this period. ARGV: the version at the look-up, the page behind that
-- version and a colon, the time at which it expires in ms since 1970, the length of a period in ms, the most bytes that
-- are stored in one.
if redis.pcall('GET', KEYS[1]) ~= ARGV[1] then return redis.status_reply('OK') end

local stored = redis.pcall('INCRBY', KEYS[3], #ARGV[2])
if type(stored) == 'table' or redis.call('PTTL', KEYS[3]) < 0 then
  -- A new period, or nothing that counts bytes until an end.
  stored = #ARGV[2]
  redis.call('SET', KEYS[3], stored, 'PX', ARGV[4])
end
if stored <= tonumber(ARGV[5]) then redis.call('SET', KEYS[2], ARGV[2], 'PXAT', ARGV[3]) end
return redis.status_reply('OK')
