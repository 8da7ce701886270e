"""What is done to labels in one step on Redis or Valkey, in Lua; `redis_labels` says what the keys
hold."""

from service.version_scripts import CHANGED

BLOCK = 8_192
"""Rows of one hash."""
STEP = 4_096
"""Labels that one script writes; more are a load."""
RUN = 1_500
"""Labels that one command inside a script writes; Lua passes some 8,000 arguments on."""
TIME_LENGTH = 27
"""Of a time as `now()` writes it, with which an entry begins."""

# KEYS, of every script: labels, labelled bitmap, classes, labelled, load.
# A label is the same, whatever its time, when all behind the time is. '' stands for no label.
SHARED = f"""{CHANGED}
local labels, bits, classes, labelled, load = unpack(KEYS)
local copied, copies, flips = load .. ':blocks', load .. ':classes', load .. ':flips'
local pending = classes .. ':pending'
local tallies = {{}}

local function differ(a, b)
  if a == '' or b == '' then return a ~= b end
  return string.sub(a, {TIME_LENGTH + 1}) ~= string.sub(b, {TIME_LENGTH + 1})
end

local function tally(entry, n)
  if entry == '' then return end
  local label = string.sub(entry, {TIME_LENGTH + 1}, string.find(entry, '\\n', 1, true) - 1)
  tallies[label] = (tallies[label] or 0) + n
end

local function add_tallies(key)
  local names = {{}}
  for label, n in pairs(tallies) do if n ~= 0 then names[#names + 1] = label end end
  for first = 1, #names, {RUN} do
    local last = math.min(first + {RUN} - 1, #names)
    local before = redis.call('ZMSCORE', key, unpack(names, first, last))
    local given, taken = {{}}, {{}}
    for i = first, last do
      local n = tallies[names[i]] + (tonumber(before[i - first + 1] or 0))
      if n == 0 then taken[#taken + 1] = names[i]
      else given[#given + 1], given[#given + 2] = n, names[i] end
    end
    if #given > 0 then redis.call('ZADD', key, unpack(given)) end
    if #taken > 0 then redis.call('ZREM', key, unpack(taken)) end
  end
  tallies = {{}}
end

local function add_pending()
  local popped = redis.call('ZPOPMIN', pending, {STEP})
  for i = 1, #popped, 2 do tallies[popped[i]] = tonumber(popped[i + 1]) end
  add_tallies(classes)
end

local function block_of(row) return string.format('%d', math.floor(tonumber(row) / {BLOCK})) end

local function write(key, row, entry)
  if entry == '' then redis.call('HDEL', key, row) else redis.call('HSET', key, row, entry) end
end

local function forget_load()
  for _, block in ipairs(redis.call('SMEMBERS', copied)) do
    redis.call('UNLINK', load .. ':' .. block)
  end
  redis.call('UNLINK', copied, copies, flips, load)
end
"""

# ARGV: row, entry, row, entry, …
PUT = f"""{SHARED}
local loading = redis.call('EXISTS', load) == 1
local more, flipped, mirrored = 0, false, {{}}
for i = 1, #ARGV, 2 do
  local row, entry = ARGV[i], ARGV[i + 1]
  local block = block_of(row)
  local old = redis.call('HGET', labels .. ':' .. block, row) or ''
  if differ(old, entry) then
    write(labels .. ':' .. block, row, entry)
    redis.call('SADD', labels, block)
    redis.call('SETBIT', bits, row, entry == '' and 0 or 1)
    tally(old, -1)
    tally(entry, 1)
    more = more + (old == '' and 1 or 0) - (entry == '' and 1 or 0)
    flipped = flipped or (old == '') ~= (entry == '')
    if loading and redis.call('SISMEMBER', copied, block) == 1 then
      mirrored[#mirrored + 1] = {{load .. ':' .. block, row, old, entry}}
    end
  end
end
add_tallies(classes)
if flipped then changed(bits) end
for _, each in ipairs(mirrored) do
  local key, row, old, entry = unpack(each)
  tally(old, 1)
  tally(redis.call('HGET', key, row) or '', -1)
  write(key, row, entry)
  redis.call('SETBIT', flips, row, 0)
end
add_tallies(copies)
if #mirrored > 0 then
  local left = redis.call('TTL', copied)
  for _, each in ipairs(mirrored) do redis.call('EXPIRE', each[1], left) end
  for _, key in ipairs({{copies, flips}}) do redis.call('EXPIRE', key, left) end
end
return redis.call('INCRBY', labelled, more)
"""

# ARGV: token, seconds for which the lock is held without a step. What a load left that died goes.
BEGIN = f"""{SHARED}
if redis.call('SET', load, ARGV[1], 'NX', 'EX', ARGV[2]) then
  forget_load()
  redis.call('SET', load, ARGV[1], 'EX', ARGV[2])
end
return redis.call('GET', load) == ARGV[1] and 1 or 0
"""

# ARGV: token, seconds to the next step, seconds that copies are kept, rows and, for each, which of
# the entries that follow it gets, both as numbers of four bytes. Rows ascend, entries count from 1.
# They are written by runs, because Lua passes only so many arguments on.
STAGE = f"""{SHARED}
if redis.call('GET', load) ~= ARGV[1] then return 0 end
redis.call('EXPIRE', load, ARGV[2])
local given, entries, tails, more = 5, {{}}, {{}}, {{}}
for code = 1, #ARGV - given do
  entries[code] = ARGV[given + code]
  tails[code] = string.sub(entries[code], {TIME_LENGTH + 1})
  more[code] = 0
end

local function flip(rows)
  local size = {BLOCK // 8}
  local first = math.floor(rows[1] / {BLOCK}) * size
  local bytes = {{string.byte(redis.call('GETRANGE', flips, first, first + size - 1), 1, -1)}}
  for i = #bytes + 1, size do bytes[i] = 0 end
  for _, row in ipairs(rows) do
    local i = math.floor(row / 8) - first + 1
    bytes[i] = bit.bxor(bytes[i], 2 ^ (7 - row % 8))
  end
  redis.call('SETRANGE', flips, first, string.char(unpack(bytes)))
end

local function write_run(key, rows, codes)
  local before = redis.call('EXISTS', key) == 1 and redis.call('HMGET', key, unpack(rows)) or {{}}
  local given, taken, flipped = {{}}, {{}}, {{}}
  for n, row in ipairs(rows) do
    local old, code = before[n], codes[n]
    local entry = entries[code]
    if (old and string.sub(old, {TIME_LENGTH + 1}) or '') ~= tails[code] then
      if old then tally(old, -1) end
      more[code] = more[code] + 1
      if entry == '' then taken[#taken + 1] = row
      else given[#given + 1] = row; given[#given + 1] = entry end
      if (not old) ~= (entry == '') then flipped[#flipped + 1] = row end
    end
  end
  if #given > 0 then redis.call('HSET', key, unpack(given)) end
  if #taken > 0 then redis.call('HDEL', key, unpack(taken)) end
  if #flipped > 0 then flip(flipped) end
  redis.call('EXPIRE', key, ARGV[3])
end

local function numbers(text, first, last)
  local found = {{struct.unpack('<' .. string.rep('I4', last - first + 1), text, 4 * first - 3)}}
  found[#found] = nil
  return found
end

local first, count = 1, #ARGV[4] / 4
while first <= count do
  local last = math.min(first + {RUN} - 1, count)
  local block = block_of(numbers(ARGV[4], first, first)[1])
  while block_of(numbers(ARGV[4], last, last)[1]) ~= block do last = last - 1 end
  local key = load .. ':' .. block
  if redis.call('SADD', copied, block) == 1 then
    redis.call('COPY', labels .. ':' .. block, key, 'REPLACE')
  end
  write_run(key, numbers(ARGV[4], first, last), numbers(ARGV[5], first, last))
  first = last + 1
end
for code, n in ipairs(more) do tally(entries[code], n) end
add_tallies(copies)
for _, key in ipairs({{copied, copies, flips}}) do redis.call('EXPIRE', key, ARGV[3]) end
return 1
"""

# ARGV: token.
COMMIT = f"""{SHARED}
if redis.call('GET', load) ~= ARGV[1] then return -1 end
for _, block in ipairs(redis.call('SMEMBERS', copied)) do
  local key, copy = labels .. ':' .. block, load .. ':' .. block
  redis.call('UNLINK', key)
  if redis.call('EXISTS', copy) == 1 then
    redis.call('RENAME', copy, key)
    redis.call('PERSIST', key)
  end
end
redis.call('SUNIONSTORE', labels, labels, copied)
redis.call('BITOP', 'XOR', bits, bits, flips)
if redis.call('EXISTS', bits) == 1 then changed(bits) else redis.call('DEL', bits .. ':version') end
if redis.call('EXISTS', copies) == 1 then
  local counts = redis.call('EXISTS', classes) == 1 and pending or classes
  redis.call('RENAME', copies, counts)
  redis.call('PERSIST', counts)
  add_pending()
end
forget_load()
local total = redis.call('BITCOUNT', bits)
redis.call('SET', labelled, total)
return total
"""

# It returns how many counts are still pending.
COUNT = f"""{SHARED}
add_pending()
return redis.call('ZCARD', pending)
"""

# ARGV: token.
ABANDON = f"""{SHARED}
if redis.call('GET', load) == ARGV[1] then forget_load() end
"""

CLEAR = f"""{SHARED}
forget_load()
for _, block in ipairs(redis.call('SMEMBERS', labels)) do
  redis.call('UNLINK', labels .. ':' .. block)
end
redis.call('UNLINK', pending, bits .. ':version', unpack(KEYS))
"""
