package misses

import "time"

// Who ends it wants an answer, and gives the channel for it.
func answers(quit chan chan error) {
	var answer chan error
	for answer == nil {
		select {
		case answer = <-quit:
			continue
		case <-time.After(time.Second):
		}
		println("beat")
	}
	answer <- nil
}
