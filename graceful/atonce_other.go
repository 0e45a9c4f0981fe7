//go:build !unix

package graceful

// How a file is opened where no pipe has a name in a folder.

// openAtOnce is nothing here.
const openAtOnce = 0
