-- Raises the version, which invalidates every page.
-- KEYS[1]: the version. The next one is at least the clock, so that it rises also after a FLUSHALL.
local now = redis.call('TIME')
local version = now[1] * 1000000 + now[2]
local stored = redis.pcall('GET', KEYS[1])
local last = type(stored) == 'string' and tonumber(stored)
if last and last >= version then version = last + 1 end
redis.call('DEL', KEYS[1])
redis.call('SET', KEYS[1], string.format('%.0f', version))
return redis.status_reply('OK')
