package hits

// Timers of time.AfterFunc, which have no channel.

import "time"

type watch struct {
	timer *time.Timer
	Both  *time.Timer
}

func local(done <-chan struct{}) {
	t := time.AfterFunc(time.Second, func() {})
	<-done
	if !t.Stop() {
		<-t.C // want "made by time.AfterFunc is nil: this receive waits for ever"
	}
	select {
	case <-t.C: // want "made by time.AfterFunc is nil: this case never wins"
	case <-done:
	}
	t = nil
}

func (w *watch) start() {
	w.timer = time.AfterFunc(time.Second, w.start)
	w.Both = time.AfterFunc(time.Second, w.start)
}

func (w *watch) stop() {
	now := <-w.timer.C // want "this receive waits for ever"
	println(now.String())
	if !w.timer.Stop() {
		select {
		case <-w.timer.C: // want "this case never wins"
		default:
		}
	}
}
