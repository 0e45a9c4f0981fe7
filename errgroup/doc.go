// Package errgroup runs a bounded group of tasks and returns the first error:
// every name of golang.org/x/sync/errgroup with the same signature and the
// same meaning, so that a program switches by one import line.
//
// A [Group] bounds how many of its tasks run at once. Tasks of a group with a
// limit are run by at most that many workers, fed in order from one queue; Go
// at the limit blocks until a worker can take the task. A task is never queued
// behind a running one: whenever Go has returned, its task runs, or will run
// as soon as the scheduler gets to a worker that has nothing else to do. So
// tasks may wait for each other, up to the limit.
//
// [New] makes a group that does more, as its [Options] say: it turns panics
// into errors, keeps more than one error, skips what comes too late, shares a
// limit with other groups, knows what it runs. [Group.Resize],
// [Group.GoContext], [Group.WaitContext] and [Group.Stats] work on every group.
//
// # What happens when
//
//   - A task fails: the first error cancels the group's context with itself as
//     the cause, and Wait returns that very value. The tasks that run are not
//     stopped, and later ones still start, unless [Options].SkipDone says
//     otherwise: they see the context.
//   - A task panics: the process crashes, as with x/sync, and the crash cannot
//     lose against an os.Exit behind Wait: Wait does not return. A group with
//     [Options].PanicsAsErrors makes it the task's error instead.
//   - A task calls [runtime.Goexit]: it has ended, without an error. A group
//     made by [New] counts it as failed with [belay.ErrGoexit].
//   - Nobody calls Wait: nothing stays behind. A worker without a task ends at
//     once; none is ever parked. The group's context lives until an error, a
//     Wait or its parent's end, as in x/sync.
//   - The context of the group ends: nothing is stopped, and nothing skipped
//     unless asked for; tasks that should end look at it.
//   - Go is called from a task of the same group at the limit: it waits for a
//     slot like any other Go, for ever if no other task ends. GoContext gives
//     up with its context.
//
// # Panics
//
// x/sync returned panics from Wait for half a year and took that back
// (golang/go#53757, #74275, #74304, #74306), for three reasons. PanicsAsErrors
// is for those who want it all the same, and answers them:
//
//   - Delay: a panic that waits for Wait comes when every sibling has ended, if
//     they do. Here it cancels the context and calls [Options].OnPanic at once,
//     on the goroutine that has panicked, before its slot is free.
//   - The lost stack: a value in a variable is hidden from whoever reads
//     crashes. Here the panic and its stack are on stderr by the time that the
//     context ends, unless OnPanic takes them; a hook that would rather crash
//     can, by panicking itself.
//   - The deadlock: if Wait is never reached, nobody hears of the panic. Here
//     nobody has to reach it: see above.
//
// # Differences from x/sync
//
// Where x/sync's group hangs, crashes an unrelated goroutine or races, this
// one gives an answer:
//
//   - SetLimit panics while any task runs, those included that were started
//     without a limit (x/sync counts only those under a limit, and a later
//     Wait hangs), with x/sync's error and the true count. A negative limit
//     never panics, and lets every blocked Go proceed. Resize changes the limit
//     of a running group.
//   - A Go that is blocked at the limit counts as part of the group: Wait
//     waits for its task too. Only a Go blocked at limit zero does not count,
//     as in x/sync, and it proceeds when SetLimit makes room.
//   - Blocked Gos are served in the order in which they blocked.
//   - A nil func panics in the caller, before a slot is taken, and not on a
//     goroutine of its own.
//
// Under a limit, tasks share goroutines where x/sync starts one per task. A
// task can tell by four things: a [runtime.LockOSThread] without its unlock
// stays with the worker; profiler labels are those of the goroutine whose Go
// started the worker, and what a task sets stays for the next; the identity of
// the goroutine repeats; and the traceback's "created by" names where the
// worker was started. Groups without a limit run each task on a goroutine of
// its own. [Options].FreshGoroutines does so under a limit too, and so does
// the environment variable BELAYDEBUG=freshgoroutine=1 for every group of the
// process: it is read once at the start, for an incident, without a rebuild.
// For profiler labels there is [Options].Worker.
//
// # Whole loops
//
// [ForEach] runs a func for every item of a sequence, [Map] returns the results
// for a slice, [Stream] hands them out while tasks run, and [First] returns the
// first success of several. Each makes a group by [New], waits for all that it
// has started, starts nothing once its context is done, and returns, other than
// a group, the context's error if that kept it from starting everything.
//
// FAILURES.md, in this folder, says what happens when processes are killed, clocks are
// set, or descriptors run out.
//
// When not to use it: for one task, which a call or a channel serves; for work that
// outlives the function that began it (timeout.WaitGroup, or a component of graceful);
// for tasks that are shorter than it takes to hand them to another goroutine.
//
// # What it does not do
//
// It does not stop a task that ignores its context. It does not detect a group
// that is deadlocked because all its tasks wait in Go or GoContext for a slot
// of that same group: a certain answer needs the identity of goroutines, which
// Go does not give at a price that every task could pay.
//
// While a trace is taken (runtime/trace), each task of a group that New made is
// a task in the trace, named as the group.
package errgroup
