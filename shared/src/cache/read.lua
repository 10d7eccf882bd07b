-- KEYS[1] the space; ARGV[1] the page's hash. Answers {version, page or nil}.
local stored = redis.pcall('GET', KEYS[1])
local version = type(stored) == 'string' and tonumber(stored)
if not version then
  -- Lost or never set: begin at the clock, which is past every version handed out before.
  local now = redis.call('TIME')
  version = now[1] * 1000000 + now[2]
  redis.call('DEL', KEYS[1])
  redis.call('SET', KEYS[1], string.format('%.0f', version))
end
local name = KEYS[1] .. string.format(':%.0f:', version) .. ARGV[1]
local page = redis.pcall('GET', name)
if type(page) == 'table' then
  -- Not a string: not ours.
  redis.call('DEL', name)
  page = false
end
return {version, page}
