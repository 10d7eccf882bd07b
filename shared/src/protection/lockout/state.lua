-- Tells what one counter holds, and changes nothing.
-- KEYS: the set of attempts and the lock, as in begin.lua.
-- Returns the ms until the lock opens (0 without one), how many attempts are in flight, and for each failure, the
-- oldest first, the ms until it stops counting.
local attempts, lock = KEYS[1], KEYS[2]
local state, lifetime = {math.max(redis.call('PTTL', lock), 0), 0}, redis.call('PTTL', attempts)
if lifetime < 0 then return state end

-- The server's clock in ms, as the set's expiry tells it: some services refuse TIME in scripts.
local now = redis.call('PEXPIRETIME', attempts) - lifetime
local counted = redis.pcall('ZRANGE', attempts, string.format('(%.0f', now), '+inf', 'BYSCORE', 'WITHSCORES')
-- Anything but a sorted set under this name is not ours, and the next attempt deletes it.
if counted.err then return state end
for i = 1, #counted, 2 do
  if counted[i]:sub(1, 1) == 'f' then
    state[#state + 1] = tonumber(counted[i + 1]) - now
  else
    state[2] = state[2] + 1
  end
end
return state
