package belayredis

// This file is what runs inside of Redis. All numbers are integers below 2^53,
// which Lua's doubles hold exactly; instants are microseconds of Redis' own clock.

// Membership is the same for both scripts: who gives an id is in the fleet until ttl
// has passed without another such call; most calls give none. A score beyond that comes from before a step of the
// clock back, and is put right, so that nobody stays for the length of the step.
const luaFleet = `
local function int(x) return string.format('%.0f', x) end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local id, ttl = ARGV[1], tonumber(ARGV[2])
local function join(key)
  redis.call('ZREMRANGEBYSCORE', key, '-inf', int(now))
  for _, other in ipairs(redis.call('ZRANGEBYSCORE', key, int(now + ttl + 1), '+inf')) do
    redis.call('ZADD', key, int(now + ttl), other)
  end
  redis.call('ZADD', key, int(now + ttl), id)
  redis.call('PEXPIRE', key, int(4 * math.ceil(ttl / 1000) + 60000))
  return redis.call('ZCARD', key)
end
`

// rateScript is a token bucket: its level v at the instant t, in units of which a
// token is worth unit, and of which it gains gain per microsecond. Below zero are
// tokens whose turn was booked ahead. A level and not an instant is kept, so that
// a clock that goes back costs nothing but the gain of that one step: the next
// reading counts from there.
//
//	KEYS  1 the bucket, 2 the fleet
//	ARGV  1 id, or nothing  2 ttl  3 burst  4 unit  5 gain  6 lease
//	      7 t and 8 v as the caller saw them last (t 0: never)
//	      9 how long ago that was, if the caller had to do without since, else -1
//	      10 grace  11 what its share lacks  12 tokens wanted for the lease
//	      13 how many costs are put right, each five: tokens (negative: a charge),
//	      t, v, refunds and birth of when they were taken
//	      then the requests, in runs of equal ones, each three: how many, tokens,
//	      patience
//	reply t, v, refunds, birth, fleet, grace left, leased, and for each run how many
//	      of it were granted: the first ones. When their turns are, and when the
//	      others might be granted, the caller can tell by v
//
// The bucket is a string, which is read and written with one command each:
//
//	t in two, v in two, unit, birth, fleet, and if one of them is not zero: refunds,
//	grace, turn
//
// t is as TIME gives it, v is in two as Lua takes long to write what has more than 31
// bits: five times %.0f would be half of what the script costs.
//
// The fleet's size in it is that of when somebody joined last.
//
// A bucket that is not there was never used, or is full again, or was lost. It was
// lost if by what the caller saw last it can't be full: then it starts empty. So it
// does if the caller comes back from doing without, and nobody else has come
// before it: then everybody has lived on shares, and goes on to until a grace is
// over.
//
// A refund is worth what would be there now if its tokens had never been taken:
// at most what the bucket would have room for if nobody had taken any since, less
// all refunds since. It is nothing where turns were handed out that lie ahead,
// unless its own was the last: someone else would get a turn beside theirs.
var rateScript = newScript(luaFleet + `
local burst, unit, gain, lease = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local s = redis.call('GET', KEYS[1])
local t, v, was, birth, members, refunds, grace, turn, micros, low, since
if s then
  t, micros, v, low, was, since, members, refunds, grace, turn =
    string.match(s, '^(%d+) (%d+) (%S+) (%d+) (%d+) (%d+) (%d+) ?(%S*) ?(%S*) ?(%S*)$')
end
if id ~= '' then
  members = join(KEYS[2])
else
  members = tonumber(members) or redis.call('ZCARD', KEYS[2])
end
local half = math.floor(burst / 2)
local cap = (burst - math.min(members * lease, half)) * unit
if s then
  t, v, birth = tonumber(t) * 1000000 + tonumber(micros), tonumber(v) * 2097152 + tonumber(low), tonumber(since)
  if was ~= ARGV[4] then v = math.floor(v / tonumber(was) * unit) end
  if refunds ~= '' then
    refunds, grace, turn = tonumber(refunds), tonumber(grace), tonumber(turn)
  else
    refunds, grace, turn = 0, 0, 0
  end
else
  t, v, refunds, birth, since, grace, turn = now, cap, 0, now, int(now), 0, 0
  local t0, v0 = tonumber(ARGV[7]), tonumber(ARGV[8])
  if t0 > 0 and now - t0 < math.ceil((cap - v0) / gain) then
    v = math.min(0, v0 + math.max(0, now - t0) * gain)
  end
end
local passed = now - t
if passed > 0 then
  if passed >= math.ceil((cap - v) / gain) then v = cap else v = v + passed * gain end
end
v = math.min(v, cap)
if ARGV[9] ~= '-1' then
  if not s or passed >= tonumber(ARGV[9]) then
    grace = now + tonumber(ARGV[10])
    v = math.min(v, -tonumber(ARGV[10]) * gain)
  else
    v = v - tonumber(ARGV[11]) * unit
  end
end
local at = 14
if ARGV[13] ~= '0' then
  for _ = 1, tonumber(ARGV[13]) do
    local n, t0, v0 = tonumber(ARGV[at]), tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
    local r0, b0 = tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4])
    at = at + 5
    if n < 0 then
      v = math.max(v + n * unit, -2251799813685248)
    elseif b0 == birth and now >= t0 and now - t0 < math.floor((cap - v0) / gain) then
      local level = v0 + (now - t0) * gain
      local worth = math.min(n, math.floor((cap - level) / unit) - (refunds - r0))
      if worth > 0 and (turn <= now or (v == level and refunds == r0)) then
        v = v + worth * unit
        refunds = refunds + worth
      end
    end
  end
end
local reply = {now, 0, 0, birth, members, 0, 0}
for i = at, #ARGV, 3 do
  local cost = tonumber(ARGV[i + 1]) * unit
  local reach = math.min(tonumber(ARGV[i + 2]) * gain, 2251799813685247)
  local n = math.max(0, math.min(tonumber(ARGV[i]), math.floor((v + reach) / cost)))
  v = v - n * cost
  if n > 0 and v < 0 then turn = math.max(turn, now + math.ceil(-v / gain)) end
  reply[#reply + 1] = n
end
if lease > 0 and members * lease <= half and v >= unit then
  local n = math.min(tonumber(ARGV[12]), lease, math.floor(v / unit))
  v = v - n * unit
  reply[7] = n
end
if grace > now and grace - now <= 60000000 then reply[6] = grace - now end
reply[2], reply[3] = v, refunds
local high = math.floor(v / 2097152)
s = string.format('%s %s %d %d %s %s %d', time[1], time[2], high, v - high * 2097152, ARGV[4], since, members)
if refunds ~= 0 or grace ~= 0 or turn ~= 0 then
  s = s .. string.format(' %.0f %.0f %.0f', refunds, grace, turn)
end
redis.call('SET', KEYS[1], s, 'PX', math.ceil((cap - math.min(v, 0)) / gain / 1000 + ttl / 1000) + 1000)
return reply
`)

// semaphoreScript counts units that are held, for each process as the process
// itself says, so that an answer that was lost is put right by the next call. What
// one holds that does not renew it within ttl is free again.
//
//	KEYS  1 what is held: by id, and by id# the number of the call that said so;
//	      total; t, when the script ran last; x, until when there is a grace;
//	      y, that a step of the clock was forgiven
//	      2 the fleet
//	ARGV  1 id  2 ttl  3 size  4 number of the call  5 held  6 the caller's share
//	      7 for how long the caller had to do without, else -1  8 grace
//	      9 units wanted for the lease  10 lease, then the requests
//	reply fleet, grace left, leased, how many of the requests were granted
//
// Where it is not known what others hold, since nobody says or Redis has lost it,
// there is a grace in which everybody keeps to a share, and all who hold something
// renew it. Requests are granted in order, none past one that does not fit.
//
// If nobody has come for longer than ttl although units are held, the clock may
// have been put forward: they are kept for another ttl, once.
var semaphoreScript = newScript(luaFleet + `
local size, number, held, share = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local away, key = tonumber(ARGV[7]), KEYS[1]
local s = redis.call('HMGET', key, 'total', 't', 'x', 'y', id, id .. '#')
local total, t, grace, forgiven = tonumber(s[1] or 0), tonumber(s[2] or 0), tonumber(s[3] or 0), tonumber(s[4] or 0)
local lost = not s[2] and number > 1 and tonumber(ARGV[9]) < 4 * ttl + 60000000
local gap = total > 0 and now - t > ttl
if gap and forgiven == 0 then
  for _, other in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
    redis.call('ZADD', KEYS[2], int(now + ttl), other)
  end
  forgiven = 1
elseif not gap then
  forgiven = 0
end
local mine = tonumber(s[5] or 0)
for _, other in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', int(now))) do
  total = total - tonumber(redis.call('HGET', key, other) or 0)
  redis.call('HDEL', key, other, other .. '#')
  if other == id then mine = 0 end
end
local members = join(KEYS[2])
if tonumber(s[6] or 0) >= number then return {members, 0, 0, -1} end
if lost or (away >= 0 and now - t >= away) or (held > 0 and not s[5]) then
  grace = now + tonumber(ARGV[8])
end
total = total + held - mine
mine = held
local left = grace - now
if left < 0 or left > tonumber(ARGV[8]) then left = 0 end
local granted = 0
for i = 12, #ARGV do
  local n = tonumber(ARGV[i])
  if total + n > size or (left > 0 and mine + n > share) then break end
  total, mine, granted = total + n, mine + n, granted + 1
end
local leased, lease = 0, tonumber(ARGV[11])
if granted == #ARGV - 11 and left == 0 and members * lease * 2 <= size then
  leased = math.max(0, math.min(tonumber(ARGV[10]), size - total))
  total, mine = total + leased, mine + leased
end
redis.call('HSET', key, 'total', int(total), 't', int(now), 'x', int(grace), 'y', int(forgiven),
  id, int(mine), id .. '#', int(number))
redis.call('PEXPIRE', key, int(4 * math.ceil(ttl / 1000) + 60000))
return {members, left, leased, granted}
`)
