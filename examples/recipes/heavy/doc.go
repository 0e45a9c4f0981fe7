// Package heavy has the recipes for libraries that take longer to compile than
// all others together: river with its driver, asynq with its client of Redis,
// temporal with its api. It is a module outside of the workspace, so that a
// test of everything doesn't wait for them.
package heavy
