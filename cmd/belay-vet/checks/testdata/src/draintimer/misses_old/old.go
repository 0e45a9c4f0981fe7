// Package old is of a module from before Go 1.23, where one has to drain.
package old

import "time"

func drains(t *time.Timer) {
	if !t.Stop() {
		<-t.C
	}
	t.Stop()
	select {
	case <-t.C:
	default:
	}
	for len(t.C) > 0 {
		<-t.C
	}
}
