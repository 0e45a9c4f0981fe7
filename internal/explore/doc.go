// Package explore runs small programs through every order in which their
// goroutines can take their steps, up to a number of preemptions.
//
// A step is what one goroutine does up to its next operation on something that
// others may see: an atomic, a lock, a condition variable, a channel. Package
// rewrite puts a call of this package before each of these, in a copy of the
// source that exists for one build, so the product has no hook and pays for none.
// Here one goroutine runs at a time, and at each such call the search decides who
// is next. It goes depth first, by replay: a run is a list of decisions, and the
// next run changes the last one that has an alternative left.
//
// To leave a goroutine that could go on is a preemption, of which a run has so
// many at most; to leave one that waits, ends, or calls runtime.Gosched is free.
// Which ready case a select takes is free, too. Most faults of concurrency need
// one or two preemptions, and the number of runs is a polynomial of that degree
// in the number of steps.
//
// A run fails if an operation panics, if nobody can go on, if it has no end, or if
// the program's own check says so. Its steps are printed then.
//
// What is not explored: the order of memory below that of atomics and locks, for
// which there is the race detector; time, as no timer ever fires; goroutines that
// the standard library starts; more goroutines, calls or preemptions than a
// program and its bound have.
package explore
