package main

// The access log, cut down to one line for every few seconds of traffic. It
// is written in the background, so that a log that can't keep up never holds
// up a request, and a stop waits for the last line, but not for ever.

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/belay-go/belay/timeout"
)

// digestEvery is the least time between two lines.
const digestEvery = 10 * time.Second

// line is what the digest learns of one request.
type line struct {
	route        string
	took         time.Duration
	shed, failed bool
}

// page is the traffic since the last line was written.
type page struct {
	since                  time.Time // of the first request on it
	requests, shed, failed int
	slowest                line
}

// digest collects a page and hands it to a goroutine when it is old enough;
// while that writes, the next page grows. So there is never more than one
// goroutine, and none without traffic. Safe for concurrent use.
type digest struct {
	log     *slog.Logger
	writers timeout.WaitGroup

	mu struct {
		sync.Mutex
		page    page
		writing bool
	}
}

func (d *digest) add(now time.Time, l line) {
	d.mu.Lock()
	defer d.mu.Unlock()
	p := &d.mu.page
	if p.requests == 0 {
		p.since = now
	}
	p.requests++
	if l.shed {
		p.shed++
	}
	if l.failed {
		p.failed++
	}
	if l.took > p.slowest.took {
		p.slowest = l
	}
	if now.Sub(p.since) >= digestEvery {
		d.turnLocked()
	}
}

// turnLocked has the page written, unless one is being written.
func (d *digest) turnLocked() {
	if d.mu.writing || d.mu.page.requests == 0 {
		return
	}
	full := d.mu.page
	d.mu.page, d.mu.writing = page{}, true
	d.writers.Go(func() {
		d.log.Info("served", "requests", full.requests, "shed", full.shed, "failed", full.failed,
			"slowest", full.slowest.took.Round(time.Microsecond), "route", full.slowest.route)
		d.mu.Lock()
		defer d.mu.Unlock()
		d.mu.writing = false
	})
}

// close has the last page written and waits for it until ctx is done. No
// request may end after it was called.
func (d *digest) close(ctx context.Context) error {
	for last := false; !last; {
		// Not before the writer of the page before has ended.
		if err := d.writers.WaitContext(ctx); err != nil {
			return err
		}
		d.mu.Lock()
		last = d.mu.page.requests == 0
		d.turnLocked()
		d.mu.Unlock()
	}
	return d.writers.WaitContext(ctx)
}
