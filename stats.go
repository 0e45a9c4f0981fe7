package belay

import "time"

// Stats is what a limit, a group or a pool says of itself: the same fields
// everywhere, so that one exporter and one dashboard serve them all. A field
// that a type has no use for stays zero.
//
// Limit, InFlight and Waiting come from one instant. The counters are exact
// and never decrease, but may be of different instants. A Stats is a plain
// value: taking one is O(1) and safe per scrape.
type Stats struct {
	Limit    int64 // most units in flight at once; -1: no limit
	InFlight int64 // units taken and not given back: permits, running tasks
	Waiting  int64 // calls that wait at this moment

	Total     uint64 // units ever granted
	Waited    uint64 // calls that were granted after a wait
	Refused   uint64 // calls refused at once: no room, too large, too late
	Cancelled uint64 // calls that gave up waiting because their context ended
	Failed    uint64 // tasks that returned an error
	Panicked  uint64 // tasks that panicked and were recovered
	Skipped   uint64 // tasks never started because their context had ended

	WaitTime WaitHistogram // how long those counted in Waited waited
}

// WaitBuckets is the number of buckets of a [WaitHistogram].
const WaitBuckets = 16

// WaitHistogram counts waits by their length, in fixed buckets, so that
// histograms of different processes can be added. Bucket i counts the waits
// shorter than [WaitBound](i) that no lower bucket counts; the last one counts
// all that are longer.
//
// The zero value is empty. It is a plain value and not safe for concurrent
// use: whoever fills one guards it.
type WaitHistogram struct {
	Counts [WaitBuckets]uint64 // waits by length
	Sum    time.Duration       // of all waits counted; saturates at the largest Duration
}

// WaitBound returns the exclusive upper bound of bucket i, 0 <= i <
// [WaitBuckets]: 1 µs for the first, four times more for each that follows,
// and the largest Duration for the last. It panics for any other i.
func WaitBound(i int) time.Duration {
	switch {
	case i < 0 || i >= WaitBuckets:
		panic("belay: no such wait bucket")
	case i == WaitBuckets-1:
		return 1<<63 - 1
	}
	return time.Microsecond << (2 * i)
}

// Observe counts one wait of length d; a negative d counts as zero.
func (h *WaitHistogram) Observe(d time.Duration) {
	d = max(d, 0)
	i := 0
	for i < WaitBuckets-1 && d >= WaitBound(i) {
		i++
	}
	h.Counts[i]++
	if h.Sum += d; h.Sum < 0 {
		h.Sum = 1<<63 - 1
	}
}
