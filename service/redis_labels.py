"""Labels on Redis or Valkey: each pool's in blocks of rows, with what is counted of them.

    labels:POOL:BLOCK     a hash: row to time, label as JSON, newline, source
    labels:POOL           the set of the blocks that there are
    bits:POOL:labelled    the bitmap of the labelled rows, which readings leave out
    classes:POOL          a sorted set: each distinct label, by how many items have it
    classes:POOL:pending  a sorted set: what is still to be added to these counts, if anything
    labelled:POOL         how many items are labelled

Few labels are one script. Many are a *load*: copies of the blocks that they touch are changed a
step at a time, beside those that everyone reads, and one short step puts them in their place.
Until then the copies' keys begin with load:POOL, which is itself the lock: one load at a time. What
is written meanwhile is written to both, so that these stay true, which the last step leans on:

    load:POOL:classes     how many more items have each label in the copies than in the blocks
    load:POOL:flips       the bitmap of the rows that are labelled in one and not in the other

docs/decisions/0010 says why.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import redis

from service.errors import TooBusy, Unavailable
from service.records import LABELLED, ClassCounts, Labelling, new_id
from service.redis_storage import key_of

BLOCK = 8_192
"""Rows of one hash."""
STEP = 4_096
"""Labels that one script writes; more are a load."""
RUN = 1_500
"""Labels that one command inside a script writes; Lua passes some 8,000 arguments on."""
SECONDS_PER_STEP = 60
"""For how long a load is believed to be alive that takes no step."""
SECONDS_TO_LOAD = 1_800
SECONDS_TO_WAIT = 60
SECONDS_KEPT = 2 * SECONDS_TO_LOAD
"""How long the copies stay of a load whose process died."""
PAUSE = 0.05
TIME_LENGTH = 27

# KEYS, of every script: labels, labelled bitmap, classes, labelled, load.
# A label is the same, whatever its time, when all behind the time is. '' stands for no label.
SHARED = f"""
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
local more, mirrored = 0, {{}}
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
    if loading and redis.call('SISMEMBER', copied, block) == 1 then
      mirrored[#mirrored + 1] = {{load .. ':' .. block, row, old, entry}}
    end
  end
end
add_tallies(classes)
for _, each in ipairs(mirrored) do
  local key, row, old, entry = unpack(each)
  tally(old, 1)
  tally(redis.call('HGET', key, row) or '', -1)
  write(key, row, entry)
  redis.call('SETBIT', flips, row, 0)
end
add_tallies(copies)
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

# ARGV: token, seconds to the next step, seconds that copies are kept, row, entry, row, entry, …
# Rows ascend. They are written by runs, because Lua passes only so many arguments on.
STAGE = f"""{SHARED}
if redis.call('GET', load) ~= ARGV[1] then return 0 end
redis.call('EXPIRE', load, ARGV[2])

local function write_run(key, rows, entries)
  local before = redis.call('HMGET', key, unpack(rows))
  local given, taken, flipped = {{}}, {{}}, {{}}
  for n, row in ipairs(rows) do
    local old, entry = before[n] or '', entries[n]
    if differ(old, entry) then
      tally(old, -1)
      tally(entry, 1)
      local into = entry == '' and taken or given
      into[#into + 1] = row
      if entry ~= '' then into[#into + 1] = entry end
      if (old == '') ~= (entry == '') then
        for _, word in ipairs({{'INCRBY', 'u1', row, '1'}}) do flipped[#flipped + 1] = word end
      end
    end
  end
  if #given > 0 then redis.call('HSET', key, unpack(given)) end
  if #taken > 0 then redis.call('HDEL', key, unpack(taken)) end
  if #flipped > 0 then redis.call('BITFIELD', flips, unpack(flipped)) end
  redis.call('EXPIRE', key, ARGV[3])
end

local i = 4
while i <= #ARGV do
  local block = block_of(ARGV[i])
  local key, stop, rows, entries = load .. ':' .. block, (block + 1) * {BLOCK}, {{}}, {{}}
  if redis.call('SADD', copied, block) == 1 then
    redis.call('COPY', labels .. ':' .. block, key, 'REPLACE')
  end
  while i <= #ARGV and #rows < {RUN} and tonumber(ARGV[i]) < stop do
    rows[#rows + 1], entries[#entries + 1] = ARGV[i], ARGV[i + 1]
    i = i + 2
  end
  write_run(key, rows, entries)
end
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

# Return how many counts are still pending.
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
redis.call('UNLINK', pending, unpack(KEYS))
"""


class RedisLabels:
    """The labels of all pools, in one Redis database."""

    def __init__(self, connection: redis.Redis) -> None:
        self.redis = cast("Any", connection)
        script = self.redis.register_script
        self.put_few, self.begin_load, self.stage = script(PUT), script(BEGIN), script(STAGE)
        self.commit, self.abandon, self.clear_all = script(COMMIT), script(ABANDON), script(CLEAR)
        self.add_pending = script(COUNT)

    def put(self, pool: str, labels: Mapping[int, Labelling | None]) -> int:
        """Set, or with None remove, the labels of some rows, all at once; return how many stand."""
        rows = sorted(labels)
        if len(rows) <= STEP:
            return int(self.put_few(keys=keys_of(pool), args=arguments(rows, labels)))
        while True:
            labelled = self.load(pool, rows, labels)
            if labelled is not None:
                return labelled

    def load(
        self, pool: str, rows: Sequence[int], labels: Mapping[int, Labelling | None]
    ) -> int | None:
        """Write many labels beside what stands, and then all at once; None where that was cleared.

        Raise TooBusy where another load of the pool goes on for too long.
        """
        keys, token = keys_of(pool), new_id()
        end = time.monotonic() + SECONDS_TO_LOAD
        self.begin(keys, token)
        try:
            self.finish_counts(keys)
            for start in range(0, len(rows), STEP):
                if time.monotonic() > end:
                    raise Unavailable("Setting the labels took too long; none was set")
                args = arguments(rows[start : start + STEP], labels)
                if not self.stage(keys=keys, args=[token, SECONDS_PER_STEP, SECONDS_KEPT, *args]):
                    return None
            labelled = int(self.commit(keys=keys, args=[token]))
            self.finish_counts(keys)
        finally:
            self.abandon(keys=keys, args=[token])
        return None if labelled < 0 else labelled

    def begin(self, keys: Sequence[str], token: str) -> None:
        """Wait for a load of the same pool to end, and begin one."""
        end = time.monotonic() + SECONDS_TO_WAIT
        while not self.begin_load(keys=keys, args=[token, SECONDS_PER_STEP]):
            if time.monotonic() > end:
                raise TooBusy(
                    "Many labels of this pool are being set already; try again",
                    headers={"Retry-After": "5"},
                )
            time.sleep(PAUSE)

    def read(self, pool: str, rows: Sequence[int]) -> list[str | None]:
        """Return the labels of some rows of a pool as JSON, None where there is none."""
        return [found and found.label for found in self.labellings(pool, rows)]

    def labellings(self, pool: str, rows: Sequence[int]) -> list[Labelling | None]:
        """Return the labels of some rows of a pool with their sources and times."""
        places: dict[int, list[int]] = {}
        for place, row in enumerate(rows):
            places.setdefault(row // BLOCK, []).append(place)
        with self.redis.pipeline(transaction=False) as pipe:
            for block, chosen in places.items():
                pipe.hmget(key_of("labels", pool, str(block)), [rows[place] for place in chosen])
            answers = pipe.execute()
        found: list[Labelling | None] = [None] * len(rows)
        for chosen, answer in zip(places.values(), answers, strict=True):
            for place, text in zip(chosen, answer, strict=True):
                found[place] = None if text is None else labelling_of(text.decode())
        return found

    def count(self, pool: str) -> int:
        """Return how many items of a pool are labelled."""
        return int(self.redis.get(key_of("labelled", pool)) or 0)

    def classes(self, pool: str, most: int) -> ClassCounts:
        """Return the distinct labels and their counts, the most frequent first."""
        keys = keys_of(pool)
        _, _, classes, labelled, _ = keys
        while True:
            with self.redis.pipeline(transaction=True) as pipe:
                pipe.exists(f"{classes}:pending")
                pipe.zrevrange(classes, 0, most - 1, withscores=True)
                pipe.zcard(classes)
                pipe.get(labelled)
                pending, found, distinct, total = pipe.execute()
            if not pending:
                counts = tuple((label.decode(), int(count)) for label, count in found)
                return ClassCounts(counts, distinct, int(total or 0))
            self.finish_counts(keys)

    def finish_counts(self, keys: Sequence[str]) -> None:
        """Add what is pending to the counts, a step at a time."""
        while self.add_pending(keys=keys):
            pass

    def clear(self, pool: str) -> None:
        """Remove all labels of a pool."""
        self.clear_all(keys=keys_of(pool))


def keys_of(pool: str) -> list[str]:
    """Return the keys that every script gets."""
    return [
        key_of("labels", pool),
        key_of("bits", pool, LABELLED),
        key_of("classes", pool),
        key_of("labelled", pool),
        key_of("load", pool),
    ]


def arguments(rows: Iterable[int], labels: Mapping[int, Labelling | None]) -> list[Any]:
    """Return rows and what is to be stored of them, by turns."""
    found: list[Any] = []
    for row in rows:
        labelling = labels[row]
        found += (row, "" if labelling is None else text_of(labelling))
    return found


def text_of(labelling: Labelling) -> str:
    """Return a label as it is stored."""
    return f"{labelling.time}{labelling.label}\n{labelling.source}"


def labelling_of(text: str) -> Labelling:
    """Return a label from what is stored."""
    label, _, source = text[TIME_LENGTH:].partition("\n")
    return Labelling(label, source, text[:TIME_LENGTH])
