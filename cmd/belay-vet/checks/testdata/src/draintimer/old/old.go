// Package old is of a module from before Go 1.23: a nil channel was nil then.
package old

import "time"

func stops() {
	t := time.AfterFunc(time.Second, func() {})
	if !t.Stop() {
		<-t.C // want "is nil: this receive waits for ever"
	}
}
