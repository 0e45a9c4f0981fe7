//go:build !unix

package graceful

// Elsewhere no service manager listens, and no file makes its opener wait.

import "errors"

// openAtOnce is nothing where no pipe has a name in a folder.
const openAtOnce = 0

const canNotify = false

func sendNotice(_, _ string) error { return errors.ErrUnsupported }
