"""What is done to records and sets in one step on Redis or Valkey, and how versions are read."""

from typing import Any

# Every write of a record goes through here: the old text must be what is stored ('*' for any), then
# the new text is put there (or nothing, to forget it) and the indexes follow in the same step. A
# second try of a write that the server had already carried out finds its own text, and succeeds.
# KEYS: record, list of its kind.
# ARGV: old text, new text, entry in lists, version, how many indexes are left, those, then those
# entered. A version, where it is not '', is kept beside the record.
WRITE_RECORD = """
local stored = redis.call('GET', KEYS[1]) or ''
if stored == ARGV[2] and ARGV[1] ~= '*' then return 1 end
if ARGV[1] == '*' then
  if stored == '' then return 0 end
elseif stored ~= ARGV[1] then
  return 0
end
if ARGV[2] == '' then
  redis.call('DEL', KEYS[1], KEYS[1] .. ':version')
  redis.call('ZREM', KEYS[2], ARGV[3])
else
  redis.call('SET', KEYS[1], ARGV[2])
  if ARGV[4] ~= '' then redis.call('SET', KEYS[1] .. ':version', ARGV[4]) end
  redis.call('ZADD', KEYS[2], 0, ARGV[3])
end
local left = tonumber(ARGV[5])
for i = 6, 5 + left do redis.call('ZREM', KEYS[2] .. ':' .. ARGV[i], ARGV[3]) end
for i = 6 + left, #ARGV do redis.call('ZADD', KEYS[2] .. ':' .. ARGV[i], 0, ARGV[3]) end
return 1
"""

# KEYS: what is asked for, each followed by where its version stands. '' is the version of nothing;
# false that of what was written before there were versions.
READ_VERSIONS = """
local found = {}
for i = 1, #KEYS, 2 do
  local version = redis.call('GET', KEYS[i + 1])
  if not version and redis.call('EXISTS', KEYS[i]) == 0 then version = '' end
  found[#found + 1] = version
end
return found
"""

# How far one run of a job has come is put in the place of what was known of it, and the job's
# progress follows in the same step.
# KEYS: the runs of a job, its progress. ARGV: run, done, total, seconds to remember the runs for.
WRITE_RUN_PROGRESS = """
local before = tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or '0')
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
local done = redis.call('HINCRBY', KEYS[1], 'done', ARGV[2] - before)
redis.call('EXPIRE', KEYS[1], ARGV[4])
redis.call('SET', KEYS[2], '[' .. done .. ', ' .. ARGV[3] .. ']')
return done
"""

# An amount that is no longer remembered is not begun anew: it would lack what was counted before.
# KEYS: the amount. ARGV: what is added.
ADD_KNOWN = """
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('INCRBY', KEYS[1], ARGV[1]) end
"""


def merge(pipe: Any, target: str, change: str, add: bytes, remove: bytes) -> None:
    """Add rows to a bitmap and remove rows from it, with a key of its own for what changes."""
    pipe.append(target, b"")
    pipe.set(change, add)
    pipe.bitop("OR", target, target, change)
    # What stands and is to go: XOR takes it out, and a longer bitmap keeps its tail.
    pipe.set(change, remove)
    pipe.bitop("AND", change, target, change)
    pipe.bitop("XOR", target, target, change)
    pipe.delete(change)
    pipe.append(target, b"")
