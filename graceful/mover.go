package graceful

// The idle connections that go along to the process that takes this one's
// place: how they are sent.

import (
	"errors"
	"os"
	"sync"

	"github.com/belay-go/belay/internal/handover"
)

// errStays is that of a connection that can't go.
var errStays = errors.New("graceful: this connection stays")

// A mover sends connections over a link. One message is on its way at a time:
// the next follows when the new process has answered the last. So the
// link never fills up, which would hold up everything else that is said there;
// and what the new process has not said it got was served by nobody, so it can
// stay here when that process ends.
type mover struct {
	send   func(handover.Message) error
	wake   chan struct{} // tells run of another one
	answer chan int      // to the message that is on its way: how many of its connections were taken
	over   chan struct{} // closed with the link

	mu struct {
		sync.Mutex
		queue   []*passage
		stopped bool // nothing more is taken
	}
}

// A passage is one connection that is to go, and its serving goroutine, which
// waits for done.
type passage struct {
	name string // of the component
	conn rawSocket
	done chan error
}

func newMover(send func(handover.Message) error) *mover {
	return &mover{
		send: send, wake: make(chan struct{}, 1), answer: make(chan int, 1), over: make(chan struct{}),
	}
}

// move hands over c, which nobody may read from meanwhile, and returns when the
// new process has it.
func (v *mover) move(name string, c rawSocket) error {
	p := &passage{name: name, conn: c, done: make(chan error, 1)}
	v.mu.Lock()
	stopped := v.mu.stopped
	if !stopped {
		v.mu.queue = append(v.mu.queue, p)
	}
	v.mu.Unlock()
	if stopped {
		return errStays
	}
	poke(v.wake)
	return <-p.done
}

// poke tells the one who listens on a channel with room for one.
func poke(ch chan<- struct{}) {
	select {
	case ch <- struct{}{}:
	default: // it is told already
	}
}

// run sends, until the link ends.
func (v *mover) run() {
	defer v.stop()
	for {
		select {
		case <-v.wake:
		case <-v.over:
			return
		}
		for batch := v.next(); len(batch) > 0; batch = v.next() {
			v.pass(batch)
		}
	}
}

// next takes some of one component out of the queue.
func (v *mover) next() (batch []*passage) {
	v.mu.Lock()
	defer v.mu.Unlock()
	rest := v.mu.queue[:0:0]
	for _, p := range v.mu.queue {
		if len(batch) < handover.MostFiles && (len(batch) == 0 || p.name == batch[0].name) {
			batch = append(batch, p)
		} else {
			rest = append(rest, p)
		}
	}
	v.mu.queue = rest
	return batch
}

// pass sends a batch and tells those who wait how that went. Their copies are
// closed only then.
func (v *mover) pass(batch []*passage) {
	m := handover.Message{Kind: handover.Conns, Name: batch[0].name}
	var going []*passage
	for _, p := range batch {
		f, err := handover.Duplicate(p.conn, "")
		if err != nil {
			p.done <- err
			continue
		}
		m.Files, going = append(m.Files, f), append(going, p)
	}
	taken := v.deliver(m)
	for i, p := range going {
		if i < taken {
			p.done <- nil
		} else {
			p.done <- errStays
		}
	}
}

// deliver returns how many of the connections are in the new process.
func (v *mover) deliver(m handover.Message) (taken int) {
	defer closeFiles(m.Files)
	if len(m.Files) == 0 || v.send(m) != nil {
		return 0
	}
	select {
	case taken = <-v.answer:
	case <-v.over:
		select {
		case taken = <-v.answer: // said before the end
		default:
		}
	}
	return taken
}

// answered passes on what the new process says to the one message that is on its
// way.
func (v *mover) answered(taken int) {
	select {
	case v.answer <- taken:
	default: // to a message that was never sent
	}
}

func closeFiles(files []*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}

// stop makes all that have not been sent yet stay. What is on its way is.
func (v *mover) stop() {
	v.mu.Lock()
	queue := v.mu.queue
	v.mu.queue, v.mu.stopped = nil, true
	v.mu.Unlock()
	for _, p := range queue {
		p.done <- errStays
	}
}

// end takes in the end of the link. It is called once, after the last answer.
func (v *mover) end() {
	v.stop()
	close(v.over)
}
