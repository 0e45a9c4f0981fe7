// Package timeout holds waits and calls that can be given up, and timers that
// say what they have done.
//
//   - [WaitGroup] does what a sync.WaitGroup does, at about its price, and its
//     wait may have an end: a context's, a duration's, or a select's. [Wait] is
//     for a sync.WaitGroup that can't be changed, and says what that costs.
//   - [Timer] calls a func or sends on a channel once for each time that it is
//     armed. Anybody may arm it anew, extend, shrink or stop it, and is told
//     what became of the arming before.
//   - [Watchdog] calls a func when nothing has happened for a while. To tell it
//     that something has costs next to nothing.
//   - [Ticker] is asked for its ticks, so nothing has to be stopped; it says what
//     happens to those that nobody asked for in time.
//   - [Run] bounds a function that looks at its context, and waits for it.
//     [Abandon] is for one that may not: it returns in time, and a [Runner]
//     keeps account of what is still at large.
//   - The package httptimeout, below this one, bounds the requests of a server.
//
// On cancel: a call that collects a result returns it if it is there, even if
// its context is done; a call that takes something, as a tick or a turn to run,
// fails then. The error says why the context is done. On a panic in a function
// that was handed in: the process crashes, and nobody who waits for the function
// is released before that; but a panic in Run's function is the caller's, as is
// one in Abandon's while the caller waits, and a late one goes to OnLate where
// there is one. On misuse, as a counter below zero or a nil function: a panic with
// a fixed text, and the value is as it was. On a forgotten call: nothing waits for
// the sake of a caller that has gone. Waits that were given up leave nothing that
// grows with their number, no goroutine, no channel, no timer, but for the helper
// of Wait and for what a Runner counts.
//
// A value may be used inside a testing/synctest bubble, then outside, then in
// the next bubble; only what is under way, a wait, an armed timer, must be ended
// on the side on which it began. Where the end of a wait and what it waits for
// come at the same instant, which in a bubble they can, the result wins.
//
// FAILURES.md, in this folder, says what happens when processes are killed, clocks are
// set, or descriptors run out.
//
// When not to use it: where what is called takes a context and heeds it, package
// context is enough; where a wait must not be given up, sync.WaitGroup is; and for
// times of the day, which a Ticker does not know.
//
// The package does not stop anything that doesn't want to: no goroutine can be
// killed, so a task whose wait was given up is to look at a context, and its
// caller is not to touch what it still writes. It collects no errors and sets no
// bound on what runs; that is what errgroup is for. It makes no timeouts that are
// shared by many waits and late by a little for it: they cost less than half
// of a time.After where nothing else happens, and in a server that answers a request
// over loopback the difference could not be found (internal/bench,
// timeout-dropped). And it has no contexts: deadlines, which may only shrink, are
// ctxutil's.
package timeout
