-- Raises the version, which invalidates every page.
-- KEYS[1]: the version. The next one is at least the clock in µs, so that it rises also after a FLUSHALL.
local stored = redis.pcall('GET', KEYS[1])
local last = type(stored) == 'string' and tonumber(stored) or 0
-- The expiry tells the server's clock, because some services refuse TIME in scripts.
redis.call('SET', KEYS[1], '', 'PX', 1000)
local now = (redis.call('PEXPIRETIME', KEYS[1]) - 1000) * 1000
redis.call('SET', KEYS[1], string.format('%.0f', math.max(now, last + 1)))
return redis.status_reply('OK')
