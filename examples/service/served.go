package main

// The numbers of the service: what /metrics, /state and the digest in
// the log are made of.

import (
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/belay-go/belay/limiter"
)

// served counts requests of both protocols; probes and the status page don't
// count. It is safe for concurrent use.
type served struct {
	requests atomic.Int64 // ended, however
	shed     atomic.Int64 // of those: turned away by the limits
	failed   atomic.Int64 // of those: ended by a fault of the service
	inFlight atomic.Int64
	digest   digest
}

func newServed(log *slog.Logger) *served { return &served{digest: digest{log: log}} }

// call is one request that is being served.
type call struct {
	served *served
	route  string
	start  time.Time
	err    error // what has become of it, if nobody says so at the end
}

func (s *served) begin(route string) *call {
	s.inFlight.Add(1)
	return &call{served: s, route: route, start: time.Now()}
}

func (c *call) end(err error) {
	s, shed, failed := c.served, wasShed(err), wasFault(err)
	if shed {
		s.shed.Add(1)
	}
	if failed {
		s.failed.Add(1)
	}
	s.requests.Add(1)
	s.inFlight.Add(-1)
	now := time.Now()
	s.digest.add(now, line{c.route, now.Sub(c.start), shed, failed})
}

func wasShed(err error) bool {
	var refused *limiter.RefusedError
	return errors.Is(err, errBusy) || errors.As(err, &refused)
}

func wasFault(err error) bool {
	if err == nil {
		return false
	}
	_, code := answerTo(err)
	return code == codes.Internal
}
