/**
 * What Redis does for a broker, each in one atomic step. Law: a script changes nothing before it has looked at the epoch and, of a publish, at
 * the producer; and it tells of a change, on the room's channel, in the step in which it makes it.
 *
 * Keys of a room, all of one slot: 1 meta (hash), 2 log (stream: an entry's id is `offset-0`), 3 tombstones (hash: what the stream had, without
 * content), 4 ids (hash: `a`id, offsets that have it; `e`id, offsets of EDITs of it), 5 channel, 6 watermarks (hash), 7 users by when their
 * watermarks moved (sorted set), 8 the producer (hash: `n` next seq, `g` generation of the log, `i`id, its seq, `s`seq modulo 256, id and result,
 * `x` fence of the latest refusal).
 *
 * Every script has these arguments first: 1 which server it is, 2 an epoch to take where a new one is due, 3 to 5 retention: entries, bytes, ms.
 * The epoch is another one where the server is: it may have lost the latest (LOG-3).
 */

const prelude = `
local META, LOG, TOMBS, IDS, CHANNEL = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local server, fresh = ARGV[1], ARGV[2]
local maxEntries, maxBytes, maxAge = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local function text(n) return string.format('%.0f', n) end
local function now()
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
end
local function tell(head, body) redis.call('SPUBLISH', CHANNEL, head .. '\\n' .. (body or '')) end

local kept = redis.call('HMGET', META, 'epoch', 'head', 'first', 'bytes', 'time', 'server', 'generation')
local epoch, generation = kept[1], kept[7]
local head, first, bytes, time = tonumber(kept[2] or 0), tonumber(kept[3] or 1), tonumber(kept[4] or 0), tonumber(kept[5] or 0)
if not epoch then
  epoch, generation = fresh, fresh
  redis.call('HSET', META, 'epoch', epoch, 'generation', generation, 'server', server)
  redis.call('PEXPIRE', META, 86400000)
elseif kept[6] ~= server then
  epoch = fresh
  redis.call('HSET', META, 'epoch', epoch, 'server', server)
  redis.call('DEL', KEYS[6], KEYS[7])
  tell('E ' .. epoch .. ' ' .. text(head) .. ' ' .. text(first))
end

local function get(offset)
  local found = redis.call('XRANGE', LOG, text(offset), text(offset))[1]
  if found then
    local entry, fields = {}, found[2]
    for i = 1, #fields, 2 do entry[fields[i]] = fields[i + 1] end
    return entry
  end
  local packed = redis.call('HGET', TOMBS, text(offset))
  return packed and cmsgpack.unpack(packed) or nil
end
local function size(entry) return #entry.h + #entry.b + 24 end
local function offsets(field)
  local list = {}
  for offset in string.gmatch(redis.call('HGET', IDS, field) or '', '%d+') do list[#list + 1] = tonumber(offset) end
  return list
end
local function index(field, offset)
  local list = redis.call('HGET', IDS, field)
  redis.call('HSET', IDS, field, list and list .. ',' .. text(offset) or text(offset))
end
local function unindex(field)
  local rest = string.match(redis.call('HGET', IDS, field) or '', '^%d+,(.*)$')
  if rest then redis.call('HSET', IDS, field, rest) else redis.call('HDEL', IDS, field) end
end
local function find(id, sender)
  for _, offset in ipairs(offsets('a' .. id)) do
    local entry = get(offset)
    if entry and (not sender or entry.s == sender) then return entry, offset end
  end
end
local function trim()
  local before, at = first, now()
  for _ = 1, 1000 do
    if first > head then break end
    local entry, count = get(first), head - first + 1
    local isOld = entry and maxAge > 0 and tonumber(entry.t) + maxAge <= at
    if not (count > maxEntries or (bytes > maxBytes and count > 1) or isOld or not entry) then break end
    if entry then
      unindex('a' .. entry.i)
      if #entry.g == 16 and offsets('e' .. entry.g)[1] == first then unindex('e' .. entry.g) end
      bytes = bytes - size(entry)
    end
    redis.call('XDEL', LOG, text(first))
    redis.call('HDEL', TOMBS, text(first))
    first = first + 1
  end
  if first ~= before then redis.call('HSET', META, 'first', text(first), 'bytes', text(bytes)) end
end
`;

const store = `
local NONE, EDIT, REDACTION, REACTION, TOMBSTONE, VOID = KINDS
local function judge(kind, target, sender, mayRedact)
  if kind ~= REDACTION and kind ~= EDIT and kind ~= REACTION then return nil end
  local aim = #target == 16 and find(target) or nil
  if not aim then return 'TARGET_UNKNOWN' end
  local own, aimed = aim.s == sender, tonumber(aim.k)
  local right
  if kind == REDACTION then right = aimed ~= REDACTION and (own or mayRedact)
  else right = aimed == NONE and (own or kind == REACTION) end
  if not right then return 'FORBIDDEN' end
end
local function redact(aim)
  for _, field in ipairs({ 'a', 'e' }) do
    for _, offset in ipairs(offsets(field .. aim.i)) do
      local entry = get(offset)
      if entry and entry.s == aim.s and tonumber(entry.k) ~= REDACTION then
        bytes = bytes - #entry.b
        entry.k, entry.b = text(TOMBSTONE), ''
        redis.call('HSET', TOMBS, text(offset), cmsgpack.pack(entry))
        redis.call('XDEL', LOG, text(offset))
      end
    end
  end
end
local function store(id, sender, kind, target, chatHead, chatBody)
  time = math.max(time, now())
  if kind == REDACTION then
    local aim = find(target)
    if aim then redact(aim) end
  end
  head = head + 1
  redis.call('XADD', LOG, text(head) .. '-0', 'k', text(kind), 's', sender, 'i', id, 'g', target, 't', text(time), 'h', chatHead, 'b', chatBody)
  bytes = bytes + #chatHead + #chatBody + 24
  index('a' .. id, head)
  if kind == EDIT and #target == 16 then index('e' .. target, head) end
  redis.call('HSET', META, 'head', text(head), 'first', text(first), 'bytes', text(bytes), 'time', text(time))
  redis.call('PERSIST', META)
  trim()
  tell('A ' .. epoch .. ' ' .. text(head) .. ' ' .. text(time) .. ' ' .. text(first) .. ' ' .. text(kind) .. ' ' .. #chatHead, chatHead .. chatBody)
  return 'S' .. text(head) .. ' ' .. text(time)
end
`;

const publish = `
local PRODUCER, RING = KEYS[8], 256
local known, seq, id, sender, kind, target = ARGV[6], tonumber(ARGV[7]), ARGV[8], ARGV[9], tonumber(ARGV[10]), ARGV[11]
local mayRedact, reject, chatHead, chatBody, window, fence = ARGV[12] == '1', ARGV[13], ARGV[14], ARGV[15], ARGV[16], ARGV[17]
if known ~= epoch then return { 'epoch' } end
if redis.call('HGET', PRODUCER, 'g') ~= generation then
  redis.call('DEL', PRODUCER)
  redis.call('HSET', PRODUCER, 'g', generation)
end
redis.call('PEXPIRE', PRODUCER, window)
if redis.call('HGET', PRODUCER, 'x') == fence then return { 'behind' } end
local nextSeq = tonumber(redis.call('HGET', PRODUCER, 'n') or 1)
local function refuse(what)
  redis.call('HSET', PRODUCER, 'x', fence)
  return { what, text(nextSeq) }
end
local function settle(result)
  local slot = 's' .. text(nextSeq % RING)
  local old = redis.call('HGET', PRODUCER, slot)
  if old then
    local field = 'i' .. string.sub(old, 1, 16)
    if redis.call('HGET', PRODUCER, field) == text(nextSeq - RING) then redis.call('HDEL', PRODUCER, field) end
  end
  redis.call('HSET', PRODUCER, slot, id .. result, 'i' .. id, text(nextSeq), 'n', text(nextSeq + 1))
  redis.call('PERSIST', META)
  return { 'settled', result }
end
local before = redis.call('HGET', PRODUCER, 'i' .. id)
if before then
  local result = string.sub(redis.call('HGET', PRODUCER, 's' .. text(tonumber(before) % RING)), 17)
  if seq == nextSeq then return settle(result) end
  return { 'settled', result }
end
if seq > nextSeq then return refuse('outOfOrder') end
if seq < nextSeq then
  if seq >= nextSeq - RING then return refuse('conflict') end
  return { 'forgotten' }
end
if nextSeq >= 9007199254740991 then return refuse('exhausted') end
local entry, offset = find(id, sender)
if entry then return settle('S' .. text(offset) .. ' ' .. entry.t) end
if reject ~= '' then return settle('R' .. reject) end
if kind == VOID then return settle('V') end
local code = judge(kind, target, sender, mayRedact)
if code then return settle('R' .. code) end
return settle(store(id, sender, kind, target, chatHead, chatBody))
`;

const append = `
local id, sender, kind, target, chatHead, chatBody = ARGV[6], ARGV[7], tonumber(ARGV[8]), ARGV[9], ARGV[10], ARGV[11]
local entry, offset = find(id, sender)
if entry then return 'S' .. text(offset) .. ' ' .. entry.t end
local code = judge(kind, target, sender, true)
if code then return 'R' .. code end
return store(id, sender, kind, target, chatHead, chatBody)
`;

/** The log as it stands, and what is expected of a producer, where one is given. */
const state = `
trim()
if head == 0 then redis.call('PEXPIRE', META, 86400000) end
local nextSeq = '1'
if KEYS[8] and redis.call('HGET', KEYS[8], 'g') == generation then nextSeq = redis.call('HGET', KEYS[8], 'n') or '1' end
return { epoch, text(head), text(first), nextSeq }
`;

/** Entries from an offset on, upwards or downwards. */
const read = `
trim()
local anchor, isUp, limit, most = tonumber(ARGV[6]), ARGV[7] == 'after', tonumber(ARGV[8]), tonumber(ARGV[9])
local answer, total = { epoch, text(head), text(first) }, 0
local offset, step = 0, 1
if isUp then offset = math.max(anchor + 1, first)
else offset, step = anchor == 0 and head or math.min(anchor - 1, head), -1 end
local taken = 0
while offset >= first and offset <= head and taken < limit do
  local entry = get(offset)
  if not entry then break end
  total = total + size(entry) + 8
  if taken > 0 and total > most then break end
  answer[#answer + 1] = { text(offset), entry.t, entry.k, entry.h, entry.b }
  taken, offset = taken + 1, offset + step
end
return answer
`;

const receipt = `
trim()
local RECEIPTS, ORDER = KEYS[6], KEYS[7]
local user, delivered, seen = ARGV[6], math.min(tonumber(ARGV[7]), head), math.min(tonumber(ARGV[8]), head)
local before = redis.call('HGET', RECEIPTS, user) or '0 0'
local oldDelivered, oldRead = string.match(before, '^(%d+) (%d+)$')
seen = math.max(tonumber(oldRead), seen)
delivered = math.max(tonumber(oldDelivered), delivered, seen)
local after = text(delivered) .. ' ' .. text(seen)
if after == before then return 0 end
redis.call('HSET', RECEIPTS, user, after)
redis.call('ZADD', ORDER, redis.call('HINCRBY', META, 'moves', 1), user)
if redis.call('ZCARD', ORDER) > 100000 then redis.call('HDEL', RECEIPTS, redis.call('ZPOPMIN', ORDER)[1]) end
tell('R ' .. epoch .. ' ' .. after, user)
return 1
`;

const receipts = `
local users = redis.call('ZREVRANGE', KEYS[7], 0, tonumber(ARGV[6]) - 1)
local answer = {}
for i = #users, 1, -1 do
  answer[#answer + 1] = users[i]
  answer[#answer + 1] = redis.call('HGET', KEYS[6], users[i]) or '0 0'
end
return answer
`;

/** Empties the log. Producers of another generation are forgotten when they come. */
const reset = `
epoch, generation = fresh, fresh
redis.call('DEL', META, LOG, TOMBS, IDS, KEYS[6], KEYS[7])
redis.call('HSET', META, 'epoch', epoch, 'generation', generation, 'server', server)
redis.call('PEXPIRE', META, 86400000)
tell('E ' .. epoch .. ' 0 1')
return epoch
`;

/** Keys of a topic: 1 registry (hash of JSON), 2 channel, 3 claims (hash). None has a state before it. */
const put = `
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3], 'NX')
redis.call('PEXPIRE', KEYS[1], ARGV[3], 'GT')
redis.call('SPUBLISH', KEYS[2], ARGV[4])
return 1
`;
const topic = `return redis.call('HGETALL', KEYS[1])`;
/** Removes a key, if it is what is given, or whatever it is. */
const remove = `
local value = redis.call('HGET', KEYS[1], ARGV[1])
if not value or (ARGV[2] ~= '' and value ~= ARGV[2]) then return 0 end
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('SPUBLISH', KEYS[2], ARGV[3])
return 1
`;
const announce = `return redis.call('SPUBLISH', KEYS[2], ARGV[1])`;
const claim = `
local live = redis.call('HGET', KEYS[3], ARGV[1])
if live and tonumber(live) >= tonumber(ARGV[2]) then return 0 end
redis.call('HSET', KEYS[3], ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[3], 604800000)
if live then redis.call('SPUBLISH', KEYS[2], ARGV[3]) end
return 1
`;
const release = `
if redis.call('HGET', KEYS[3], ARGV[1]) == ARGV[2] then redis.call('HDEL', KEYS[3], ARGV[1]) end
return 1
`;

/** A relay lives; whether one does. Key 1: its own. */
const live = `return redis.call('SET', KEYS[1], '1', 'PX', ARGV[1])`;
const lives = `return redis.call('EXISTS', KEYS[1])`;
const end = `return redis.call('DEL', KEYS[1])`;

/** @param kinds - numbers of UNSPECIFIED, EDIT, REDACTION, REACTION, TOMBSTONE and VOID. */
export function scriptsFor(kinds: readonly number[]): Readonly<Record<ScriptName, string>> {
  const storing = prelude + store.replace("KINDS", kinds.join(", "));
  return {
    publish: storing + publish,
    append: storing + append,
    state: prelude + state,
    read: prelude + read,
    receipt: prelude + receipt,
    receipts: prelude + receipts,
    reset: prelude + reset,
    put,
    topic,
    remove,
    announce,
    claim,
    release,
    live,
    lives,
    end,
  };
}

export const scriptNames = [
  "publish",
  "append",
  "state",
  "read",
  "receipt",
  "receipts",
  "reset",
  "put",
  "topic",
  "remove",
  "announce",
  "claim",
  "release",
  "live",
  "lives",
  "end",
] as const;
export type ScriptName = (typeof scriptNames)[number];
