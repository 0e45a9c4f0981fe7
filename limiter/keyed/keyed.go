// Package keyed has a limit for each key, of any number of keys, in memory that is
// decided on once: a rate ([Rate]) or a semaphore ([Semaphore]) for each client,
// tenant or address.
//
//	clients := keyed.NewRate[string](keyed.RateOptions{Keys: 100_000, Limit: 10, Burst: 50})
//	...
//	permit, err := clients.For(client).TryTake(1)
//
// A map from keys to limiters grows by an entry for each key that somebody thinks
// of, and one that drops entries forgives those who had used up theirs. Here
// the limits are in a table that never grows, and one that says something is never
// dropped. What holds:
//
//   - A bucket that is full again is as good as none, and so is a semaphore of
//     which nothing is held. Their slots are what new keys get, those first
//     that have been idle for longest. Nothing else is ever evicted.
//   - A key whose bucket isn't full, or of which something is held, is untouched by
//     whatever happens to others: it keeps its slot and what it has, and is not
//     refused because of them.
//   - When there is no slot for a new key, as those it could have are all in use, a
//     rate takes from one bucket that all such keys share, which [Rate.Overflow]
//     counts. So a flood of keys that are made up gets no more than that, and new
//     clients go on at a shared pace until it ends. A semaphore refuses the key with
//     [limiter.ErrFull].
//   - In any span of time t a key gets no more than burst + limit·t tokens of its
//     own bucket, up to the rounding of a token's time to a sixteenth of a
//     nanosecond, and but for costs that turned out higher. What it gets of the
//     overflow, while it is new, comes on top.
//   - Of a key no more than the size is held.
//   - For each key: first come, first served. While anyone waits, nobody passes.
//
// # Keys
//
// Keys are known by 64 bits of a hash (hash/maphash, of which one bit is always
// set), with a seed that is drawn anew for each Rate and Semaphore, so that nobody
// can make keys up that collide. Two keys of one hash share one limit: each may find
// it used by the other, and neither gets more than a limit. Among a million
// keys in use that happens to any two with a probability of one in 18 million.
// The key itself is not kept.
//
// A limit for each client is as good as the name of the client. An address from a
// header is what the client says, unless a proxy of one's own has written it, and
// an IPv6 address is one of 2^64 that a client has: package httplimit makes keys
// of both.
//
// # What happens when
//
// A context that is done loses, also where there are tokens or room; whoever gives
// up has taken nothing, and those behind it go on. What can't be had in time is
// refused at once. A permit that nobody releases keeps the units, and the slot, of
// its key's semaphore for ever; a rate has nothing to be released. No code of the
// user's runs under a lock, and none at all but a context's own methods, so that a
// panic there leaves everything whole. Misuse (a negative number, a nil context, a
// zero value) panics with the texts that the calls give, and changes nothing.
//
// Rates read the clock themselves, which only goes forward. In a testing/synctest
// bubble they go by that of the bubble, and where it is another clock than the last
// time, all buckets are full: so one value may serve inside a bubble, outside, and
// inside the next, each of which starts afresh. Who waits in a bubble must be let
// go from there.
//
// # Cost
//
// A slot is 25 bytes. A rate has three for each two of its Keys: of so many keys in
// use one in thirty thousand finds none. A semaphore has four, and fewer than one in
// ten million find none. Besides, there are 20 kilobytes. A call for a key that is in the table takes no
// lock: it hashes the key, reads the clock, if it is a rate, and does one
// compare-and-swap, and one atomic addition for Stats, which other packages of
// this module do without; a semaphore does two more for the first of a key's units
// and for the last. A key that comes in takes one of 64 locks. Nothing
// allocates unless it waits, but for errors that say when to come back. The package
// starts no goroutine.
//
// When not to use it: for a handful of keys that are known, which a map of limits
// serves, exactly and without a table; where no key may ever share the fate of
// another, which in an overflow they do; and for a quota that is billed.
//
// # What it will not do
//
// It has no adaptive limit for a key: such a limit is found by what many calls are
// observed to do, which is history that a full bucket doesn't have. To evict it
// would lose what was learned, so a flood of keys would reset all of them, and to
// keep it is memory without a bound. Nor has it a pool for a key: a connection
// that is evicted has to be closed and one that is made up has to be opened, so
// memory is not what would have to be bounded. Have one adaptive limit for what
// the keys share, behind this.
//
// It doesn't list its keys, as it doesn't keep them, has one limit for all of them,
// which can't be changed, and shares nothing between processes.
package keyed
