// Package ctxutil makes deadlines that only ever shrink, timeouts that say
// their name, contexts of two parents or with a grace, and a sleep that ends with
// its context.
//
// [Shrink] bounds a context. The result never outlives its parent, is always a
// child of its own that its cancel really ends, and has a timer only where the
// parent does not end sooner. When its time is up its cause is a
// [*TimeoutError], the one timeout error of the whole module: it says which
// limit it was, of what ([ShrinkNamed]), and how long the work had taken. Who
// reads "context deadline exceeded" in a log at night should not have to guess
// which of five nested deadlines that was, so the layer that is named is always
// the one that ended the context:
//
//   - its own time is up: Err is context.DeadlineExceeded, the cause a
//     *TimeoutError of this layer;
//   - its parent ends, by a deadline or otherwise: the parent's Err and cause;
//   - its cancel is called: context.Canceled, and the cause is the same.
//
// The first of the three stays; what comes later changes nothing. A forgotten
// cancel keeps the context and its timer until its time is up or the parent
// ends, as in package context; go vet, which reports that of
// context.WithTimeout, does not know [Shrink], so defer the cancel at once.
//
// [Sleep] waits for a time to pass, unless its context is done, gets done, or
// can be seen not to live that long: then it does not begin to wait.
//
// [Budget] keeps time in reserve to reply in, and refuses at once what can't be
// done in the rest. [Merge] ends with the first of two contexts, with its Err and
// cause, and has the sooner deadline and the values of both. [Detach] lets work
// outlive its context by a grace, and no longer. All of them are contexts of
// package context underneath: what is derived from them costs no goroutine.
// [Why] says in one line why a context is done. Who ends a context with very
// many children ends them all under its lock, as in package context; give such
// children parents of their own.
//
// What was done before a context ended is visible to whoever sees the end of Done,
// of it and of all that is made of it here.
//
// A duration that is zero or negative has already passed. The longest
// durations saturate instead of overflowing, and only the monotonic clock
// counts wherever the deadlines have one. The one misuse is a nil context; it
// panics.
//
// FAILURES.md, in this folder, says what happens when processes are killed, clocks are
// set, or descriptors run out.
//
// When not to use it: where one deadline is set, once, and nobody asks whose it was:
// context.WithTimeout does that.
//
// No goroutine waits for anything here, and nothing is left after a cancel or a
// return; the end of a merged or a detached context's parent may start one that
// ends at once. The package has no clock of its own to fake, as testing/synctest
// is that clock. It has nothing that package context does under another name: no
// WithTimeout, no context made of a channel or a signal. It does not extend a
// deadline, and it cannot end work that does not look at its context.
package ctxutil
