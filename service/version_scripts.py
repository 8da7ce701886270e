"""How a script on Redis or Valkey, in Lua, tells that what a key holds has changed.

The version of a key stands beside it. None ever comes back with other content: not when the key is
deleted and made again, nor when the server lost its last writes, which is why the time is in it.
"""

COUNTER = "shortlist:versions"
"""How many versions there have been."""

CHANGED = f"""
local function changed(key)
  local clock = redis.call('TIME')
  local number = redis.call('INCR', '{COUNTER}')
  redis.call('SET', key .. ':version', clock[1] .. '.' .. clock[2] .. '.' .. number)
end
"""
