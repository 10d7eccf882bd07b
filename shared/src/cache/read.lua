-- Looks a page up and, if it is not stored, takes its lease if that is free.
-- KEYS: the version, the page, its lease. ARGV: the lease's owner, its lifetime in ms, corrupt bytes to delete.
-- A page and a lease begin with the version that they were made under and a colon; those of another one do not count.
-- Returns {version, stored bytes or nil, the server's clock in ms if this request has the lease, else nil}.
local stored = redis.pcall('GET', KEYS[1])
local version = type(stored) == 'string' and stored:match('^%d+$')
if not version then
  -- Lost or never set: begin at the clock, which is later than every version issued before. It is told by the expiry of
  -- the key, because some services refuse TIME in scripts.
  redis.call('SET', KEYS[1], '', 'PX', 1000)
  version = string.format('%.0f', (redis.call('PEXPIRETIME', KEYS[1]) - 1000) * 1000)
  redis.call('SET', KEYS[1], version)
end

local function is_current(value) return value:sub(1, #version + 1) == version .. ':' end

local page = redis.pcall('GET', KEYS[2])
if type(page) == 'table' or page == ARGV[3] then
  -- Of another type than a string, or corrupt.
  redis.call('DEL', KEYS[2])
elseif page and is_current(page) then
  return {version, page, false}
end

local own, held = version .. ':' .. ARGV[1], redis.pcall('GET', KEYS[3])
local is_taken = type(held) == 'string' and held ~= own and is_current(held) and redis.call('PTTL', KEYS[3]) >= 0
if is_taken then return {version, false, false} end
redis.call('SET', KEYS[3], own, 'PX', ARGV[2])
return {version, false, redis.call('PEXPIRETIME', KEYS[3]) - ARGV[2]}
