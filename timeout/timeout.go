// Package timeout holds waits that can be given up.
//
// A [WaitGroup] does what a sync.WaitGroup does, and its wait may have an end:
// a context's ([WaitGroup.WaitContext]) or a duration's
// ([WaitGroup.WaitTimeout]). Giving up takes nothing from the group and leaves
// nothing behind, no goroutine, no channel, no timer, however often it
// happens: the tasks go on, and a later wait, with more patience, is exact.
// What sync.WaitGroup forbids is allowed here: to add from zero while others
// wait, and to start the next round before all waits of the last have returned.
// [Wait] is for a sync.WaitGroup that can't be changed, and says what that
// costs.
//
// On cancel: a wait is the collecting of a result, so a group without running
// tasks is reported as such, even if the context is done; otherwise the error
// says why the context is done and how many tasks still run. On a panic in a
// task of [WaitGroup.Go]: the process crashes, and no waiter is released before
// that. A task that leaves by runtime.Goexit is over like any other. On misuse
// (a counter below zero, a nil function): a panic with a fixed text, and the
// group is as it was. On a forgotten wait: nothing happens, for nobody is kept
// for the sake of a waiter.
//
// A value may be used inside a testing/synctest bubble, then outside, then in
// the next bubble; only a wait that is going on must be ended from the side
// that it waits on.
//
// A wait that was given up stops no task: it is for the tasks to look at a
// context, and for the caller not to touch what they still write. The package
// collects no errors and sets no bound; that is what errgroup is for.
package timeout
