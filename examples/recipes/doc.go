// Package recipes shows how graceful starts and stops what a service already
// has: each file is one library, about ten lines to copy, and a comment on what
// goes wrong without them. Nothing here is meant to be imported.
//
// What all of them come down to:
//
//   - The context of Start ends when a stop begins. Whoever keeps it for the
//     work itself (river does) has to be given another one.
//   - The context of Run ends when this component's stop begins. It is for
//     taking work in (the next message, the next job). What was taken gets a
//     context that only Cut ends, or it would be cut in the middle.
//   - A library with a stop timeout of its own needs a smaller one than the
//     component's Limit, or it is cut before its own tidy end has come.
//   - A library that listens for signals itself must not, or must hand what it
//     hears to the manager.
//   - What others use stops after them: it has a lower phase.
//
// Two files are about limits instead: limits.go has those of limiter/httplimit in
// front of chi, echo and connect, and stats.go shows what limits say of themselves
// in expvar and slog.
//
// Those that need much code to build (river, asynq, temporal) are a module of
// their own, in heavy.
package recipes
