"""What the server does with the leases of one pool, in Lua: each step at once, by its own clock.

Keys of a pool, after its own: `claims` (hash: row → state), `ends` (sorted set: lease → time in
milliseconds at which it runs out), `ended` (the same of those that have, while they are
remembered), `list` (sorted set of entries "created_at id"), `annotations` (list), `decisions`
(hash: row → a label that is still to be put), and the bitmaps that a walk looks at: `closed`,
`decided`, `full:k` (rows with k claims or more), `own:annotator`.
Keys of a lease: itself (hash: document, entry, annotator, ended), `held` and `done` (hashes:
row → what a reading said of the item).

The state of a row: `k`, how many annotators it is for; `d`, 1 once it is decided; `c`, its claims
as taken: `a` annotator, `l` lease, `s` 0 while it is held and else the place of its
annotation, `t` the label as JSON or '', `y` its kind.
"""

from service.version_scripts import CHANGED

PRELUDE = (
    CHANGED
    + """
local POOL, LABELLED, LEASED, LEASE = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local REMEMBERED, SWEPT = 86400, 10000
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local function of_pool(...) return table.concat({POOL, ...}, ':') end
local function of_lease(...) return table.concat({LEASE, ...}, ':') end

local function load(row)
  local text = redis.call('HGET', of_pool('claims'), row)
  if text then return cjson.decode(text) end
  return {k = 0, d = 0, c = {}}
end

local function holders(state)
  local count = 0
  for _, claim in ipairs(state.c) do
    if claim.s == 0 then count = count + 1 end
  end
  return count
end

local told = false
local function mark(key, row, truth)
  local bit = truth and 1 or 0
  if redis.call('GETBIT', key, row) == bit then return end
  redis.call('SETBIT', key, row, bit)
  if key == LEASED and not told then changed(LEASED) end
  told = told or key == LEASED
end

local function store(row, state, before)
  local claims, held = #state.c, holders(state)
  if claims == 0 then
    redis.call('HDEL', of_pool('claims'), row)
  else
    redis.call('HSET', of_pool('claims'), row, cjson.encode(state))
  end
  for k = claims + 1, before do mark(of_pool('full', k), row, false) end
  for k = before + 1, claims do mark(of_pool('full', k), row, true) end
  mark(LEASED, row, held > 0)
  mark(of_pool('closed'), row, held > 0 and claims >= state.k)
  mark(of_pool('decided'), row, state.d == 1)
end

local function disown(annotator, row) mark(of_pool('own', annotator), row, false) end

local function current(row)
  local state = load(row)
  if state.d == 0 or redis.call('GETBIT', LABELLED, row) == 1
    or redis.call('HEXISTS', of_pool('decisions'), row) == 1 then
    return state
  end
  for _, claim in ipairs(state.c) do disown(claim.a, row) end
  local fresh = {k = 0, d = 0, c = {}}
  store(row, fresh, #state.c)
  return fresh
end

local function ends(id)
  local at = redis.call('ZSCORE', of_pool('ends'), id)
  return at and tonumber(at) > now and tonumber(at) or nil
end

local function give_back(id, row)
  local state, kept = load(row), {}
  local before = #state.c
  for _, claim in ipairs(state.c) do
    if claim.l == id and claim.s == 0 then
      disown(claim.a, row)
    else
      kept[#kept + 1] = claim
    end
  end
  state.c = kept
  store(row, state, before)
  redis.call('HDEL', of_lease(id, 'held'), row)
end

local function finish(id, how)
  for _, row in ipairs(redis.call('HKEYS', of_lease(id, 'held'))) do give_back(id, row) end
  redis.call('ZREM', of_pool('ends'), id)
  redis.call('ZREM', of_pool('list'), redis.call('HGET', of_lease(id), 'entry') or '')
  redis.call('HSET', of_lease(id), 'ended', how)
  redis.call('EXPIRE', of_lease(id), REMEMBERED)
  redis.call('ZREMRANGEBYSCORE', of_pool('ended'), '-inf', now - 1000 * REMEMBERED)
  redis.call('ZADD', of_pool('ended'), now, id)
end

local function sweep()
  local rows = 0
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', of_pool('ends'), '-inf', now)) do
    if rows >= SWEPT then return 1 end
    rows = rows + redis.call('HLEN', of_lease(id, 'held'))
    finish(id, 'ran out')
  end
  return 0
end

local left = sweep()
"""
)

SWEEP = "return left"
"""Free what leases that ran out held; return 1 where some is left for another call."""

TAKE = """
local id, entry, document, annotator = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local overlap, milliseconds, n = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local labelled_too, all, most = ARGV[8] == '1', ARGV[9] == '1', tonumber(ARGV[10])

local function may_have(row)
  if not labelled_too and redis.call('GETBIT', LABELLED, row) == 1 then return nil end
  if redis.call('HEXISTS', of_pool('decisions'), row) == 1 then return nil end
  local state = current(row)
  local held = holders(state)
  if #state.c >= overlap or (held > 0 and #state.c >= state.k) then return nil end
  for _, claim in ipairs(state.c) do
    if claim.a == annotator then return nil end
  end
  if held == 0 then state.k = overlap end
  return state
end

if redis.call('EXISTS', of_lease(id)) == 0 then
  local taken = {}
  for place = 11, #ARGV, 2 do
    if #taken == n then break end
    local state = may_have(ARGV[place])
    if state then taken[#taken + 1] = {ARGV[place], ARGV[place + 1], state} end
  end
  if #taken < n and not all then return false end
  if #taken == 0 then return {0} end
  if redis.call('ZCARD', of_pool('ends')) >= most then return {-1} end
  for _, each in ipairs(taken) do
    local row, said, state = each[1], each[2], each[3]
    local before = #state.c
    state.d, state.c[before + 1] = 0, {a = annotator, l = id, s = 0, t = '', y = ''}
    store(row, state, before)
    redis.call('HSET', of_lease(id, 'held'), row, said)
    if state.k > 1 then
      mark(of_pool('own', annotator), row, true)
      redis.call('SADD', of_pool('annotators'), annotator)
    end
  end
  redis.call('HSET', of_lease(id), 'document', document, 'entry', entry, 'annotator', annotator)
  redis.call('ZADD', of_pool('ends'), now + milliseconds, id)
  redis.call('ZADD', of_pool('list'), 0, entry)
end
return {ends(id) or 0, redis.call('HGETALL', of_lease(id, 'held'))}
"""
"""Give the first n of some candidates, the best first, that may be had.

ARGV: lease, entry, document, annotator, overlap, milliseconds, n, whether labelled rows may be had,
whether these are all candidates, how many leases there may be, then row and what a reading said of
it, again and again. Return when the lease ends and what it holds; -1 where there are too many
leases; false, where fewer than n were found among some of many.
"""

READ = """
local id = ARGV[1]
local at = ends(id)
local how = redis.call('HGET', of_lease(id), 'ended')
if not at and not how then how = 'ran out' end
local held = at and redis.call('HGETALL', of_lease(id, 'held')) or {}
return {at or 0, held, redis.call('HGETALL', of_lease(id, 'done')), how or ''}
"""
"""Return when a lease ends, what it holds, what of it was completed, and how it ended."""

RENEW = """
local id = ARGV[1]
if not ends(id) then return 0 end
redis.call('ZADD', of_pool('ends'), now + tonumber(ARGV[2]), id)
return now + tonumber(ARGV[2])
"""
"""Let a lease end some milliseconds from now; return when, or 0 where it has ended before."""

RELEASE = """
local id, token, refused = ARGV[1], ARGV[2], {}
local lease, held = of_lease(id), of_lease(id, 'held')
if redis.call('HGET', lease, 'token') ~= token then
  if not ends(id) then return false end
  local rows = {}
  for place = 3, #ARGV do
    rows[#rows + 1] = ARGV[place]
    if redis.call('HEXISTS', held, ARGV[place]) == 0 then refused[#refused + 1] = ARGV[place] end
  end
  if #refused > 0 then return {0, 0, 0, refused} end
  for _, row in ipairs(rows) do give_back(id, row) end
  redis.call('HSET', lease, 'token', token)
  if redis.call('HLEN', held) == 0 then finish(id, 'was released') end
end
return {#ARGV - 2, redis.call('HLEN', held), ends(id) or 0, refused}
"""
"""Give back rows of a lease, all or none; a second try with the same token changes nothing.

ARGV: lease, token, rows. Return how many were given back, how many are held still and until when,
and the rows that the lease does not hold; false where it has ended.
"""

COMPLETE = """
local id = ARGV[1]
local held, done = of_lease(id, 'held'), of_lease(id, 'done')
local annotator = redis.call('HGET', of_lease(id), 'annotator')
local alive, refused, labelled = ends(id), {}, 0

local function said_before(row, text)
  for _, claim in ipairs(load(row).c) do
    if claim.l == id and claim.s > 0 and claim.t == text then return true end
  end
  return false
end

local function decide(row, state)
  local votes, who, best = {}, {}, nil
  table.sort(state.c, function(one, other) return one.s < other.s end)
  for _, claim in ipairs(state.c) do votes[claim.y] = (votes[claim.y] or 0) + 1 end
  for _, claim in ipairs(state.c) do
    if claim.t ~= '' and (not best or votes[claim.y] > votes[best.y]) then best = claim end
  end
  if not best then return end
  for _, claim in ipairs(state.c) do
    if claim.y == best.y then who[#who + 1] = claim.a end
  end
  state.d = 1
  redis.call('HSET', of_pool('decisions'), row, cjson.encode({t = best.t, a = who, at = now}))
end

local function complete(row, text, kind)
  local state = load(row)
  local annotation = {r = row, a = annotator, t = text, l = id, at = now}
  for _, claim in ipairs(state.c) do
    if claim.l == id and claim.s == 0 then
      claim.t, claim.y = text, kind
      claim.s = redis.call('RPUSH', of_pool('annotations'), cjson.encode(annotation))
    end
  end
  if holders(state) == 0 and #state.c >= state.k then decide(row, state) end
  store(row, state, #state.c)
  redis.call('HSET', done, row, redis.call('HGET', held, row))
  redis.call('HDEL', held, row)
end

for place = 2, #ARGV, 3 do
  local row = ARGV[place]
  local holds = alive and redis.call('HEXISTS', held, row) == 1
  if not holds and not said_before(row, ARGV[place + 1]) then refused[#refused + 1] = row end
end
if #refused > 0 then
  if not alive then return false end
  return {0, 0, 0, refused}
end
for place = 2, #ARGV, 3 do
  local row = ARGV[place]
  if redis.call('HEXISTS', held, row) == 1 then complete(row, ARGV[place + 1], ARGV[place + 2]) end
  labelled = labelled + load(row).d
end
redis.call('EXPIRE', done, REMEMBERED)
if alive and redis.call('HLEN', held) == 0 then finish(id, 'was completed') end
return {labelled, redis.call('HLEN', held), ends(id) or 0, refused}
"""
"""Keep what an annotator said of rows of a lease, all or none; what was said so before is no fault.

ARGV: lease, then row, label as JSON or '', and its kind, again and again. Return how many of the
rows are decided, how many are held still and until when, and the rows that were refused; false
where the lease has ended. A decided row's label stands in `decisions` until it has been put.
"""

SCRIPTS = {
    "sweep": SWEEP,
    "take": TAKE,
    "read": READ,
    "renew": RENEW,
    "release": RELEASE,
    "complete": COMPLETE,
}
