-- Looks a page up and, if it is not stored, takes its lease if that is free.
-- KEYS[1]: the version. ARGV: the page's key, the lease's owner, the lease's lifetime in ms, corrupt bytes to delete.
-- Returns {version, page or nil, 1 if this request has the lease}.
local stored = redis.pcall('GET', KEYS[1])
local version = type(stored) == 'string' and tonumber(stored)
if not version then
  -- Lost or never set: begin at the clock, which is later than every version issued before.
  local now = redis.call('TIME')
  version = now[1] * 1000000 + now[2]
  redis.call('DEL', KEYS[1])
  redis.call('SET', KEYS[1], string.format('%.0f', version))
end
local name = KEYS[1] .. string.format(':%.0f:', version) .. ARGV[1]
local page = redis.pcall('GET', name)
if type(page) == 'table' or page == ARGV[4] then
  -- Corrupt, or of another type than a string.
  redis.call('DEL', name)
  page = false
end
if page then return {version, page, 0} end

local lease = name .. ':lease'
if redis.call('PTTL', lease) < 0 then
  -- Free, or without an expiry.
  redis.call('SET', lease, ARGV[2], 'PX', ARGV[3])
end
return {version, false, redis.pcall('GET', lease) == ARGV[2] and 1 or 0}
