// Package belayredis shares a limit among the processes of a fleet, by Redis: a
// [Rate], which is a token bucket, and a [Semaphore], which is a number of units in
// flight. Both are limiters of package limiter, so middleware, compositions and
// shadows take them as they are.
//
//	limit, err := belayredis.NewRate(ctx, belayredis.RateOptions{
//		Fleet: belayredis.Fleet{Store: goredis.New(client), Key: "logins"},
//		Limit: 100, Burst: 50,
//	})
//
// The client is one of go-redis or of rueidis, by the packages goredis and rueidis
// below this one, or any other by the one method of [Store].
//
// # What holds
//
//   - A call is one round trip, or none: whoever calls while another's is on its way
//     goes along with the next, and a lease buys for many calls at once. There is one
//     round trip at a time for each limit, and no call has a goroutine.
//   - A rate grants the fleet no more than Burst + Limit·t in any span of time t, leases included:
//     the bucket is smaller by what may be leased. It is exact to a microsecond and a
//     millionth of Limit.
//   - A semaphore never has more than Size units out. A process says with each call
//     how much it holds, so an answer that was lost costs nothing; what a crashed
//     one held is free after MemberTTL.
//   - Time is that of Redis, for the bound, and the process' own monotonic clock for
//     leases. A clock of Redis that goes back yields nothing twice and holds up
//     nobody; one that goes forward gives at most one Burst, and frees no unit that
//     is renewed.
//   - The first Failures round trips that fail, in a row, cost their callers no more
//     than Timeout each. From then on the limit is [Local], and verdicts don't wait
//     for Redis: one call now and then starts a probe, which has a goroutine that
//     ends with its round trip.
//   - Local means a share: the limit divided by the fleet's size, which each answer
//     tells, or Members. A share of a rate starts without tokens, as nobody knows
//     how many are gone. So the fleet keeps its bound while Redis is away, and not N
//     times it.
//   - When Redis is back and nobody was in contact meanwhile, everybody lives on
//     shares until all who are active must have noticed: Probe and Timeout for a
//     rate, a third of MemberTTL more for a semaphore.
//
// # What is added to the bound
//
// While Redis is away or has just come back these are added to it:
//
//   - units of a semaphore that were out when Redis was lost; a process with more
//     than its share takes no more until it is below;
//   - of a semaphore, the share of a process whose round trip failed while those of
//     others did not: what it grants then Redis may have given to others;
//   - of a rate, the share of a process that can't reach Redis while others can:
//     Limit/N, and Burst/N once;
//   - the same of a process that made no call from before Redis came back until the
//     grace was over, for the moment that its first probe takes;
//   - more shares than N, if the fleet grew after the last answer, or if processes that
//     were idle for more than MemberTTL begin again: Members rules that out;
//   - what a failover to a replica lost, as replication is not waited for: the last
//     grants before it;
//   - what others took before Redis lost all its data and was back within one
//     call's time, if by what the first caller knew the bucket was full.
//
// FAILURES.md has it by what fails.
//
// # Cost
//
// A leased call reads the clock; that of a rate does one compare-and-swap, that of a
// semaphore takes two locks; neither allocates. Permits of a rate keep nothing;
// what a semaphore has out is renewed by a timer, which exists as long as something
// is held. Nothing needs a Close.
//
// One limit belongs to one clock: made inside a testing/synctest bubble, it stays
// there.
//
// When not to use it: where a limit of each process is good enough, which it is while
// load is balanced and the limit divided by the processes is not below one; where what
// is to be bounded is Redis itself; and where no request may ever wait for a network.
//
// # What it will not do
//
// It does not queue across processes: a semaphore's waiters are served in order
// within each process, and ask again in turn. It waits for no replica, has no
// limits per key of its own (one limit is one Key), keeps no list of who holds what,
// and does not take an algorithm: a rate is a token bucket.
package belayredis
