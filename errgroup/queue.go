package errgroup

// queue is a first-in first-out ring of accepted tasks. It grows by doubling
// and never needs more places than tasks were queued at once, so a limit of two
// billion costs nothing. The zero value is empty.
type queue struct {
	ring []func() error // its length is a power of two, or zero
	head uint           // of the oldest task; wraps around
	tail uint           // of the next task to come; wraps around
}

// keptPlaces is the length up to which a ring is kept while the group rests.
const keptPlaces = 64

func (q *queue) len() int { return int(q.tail - q.head) }

func (q *queue) push(f func() error) {
	if q.len() == len(q.ring) {
		q.grow()
	}
	q.ring[q.tail&uint(len(q.ring)-1)] = f
	q.tail++
}

// pop returns nil if the queue is empty. The place is cleared: a worker that
// runs for long must not keep earlier tasks' closures alive.
func (q *queue) pop() func() error {
	if q.head == q.tail {
		return nil
	}
	place := &q.ring[q.head&uint(len(q.ring)-1)]
	q.head++
	f := *place
	*place = nil
	return f
}

func (q *queue) grow() {
	ring := make([]func() error, max(8, 2*len(q.ring)))
	n := q.len()
	for i := range n {
		ring[i] = q.ring[(q.head+uint(i))&uint(len(q.ring)-1)]
	}
	q.ring, q.head, q.tail = ring, 0, uint(n)
}

// release gives a large ring's memory back. The queue must be empty.
func (q *queue) release() {
	if len(q.ring) > keptPlaces {
		*q = queue{}
	}
}
