package belayredis

// This file is what a limit has in common with the others, whatever it limits:
// whether Redis can be relied on at the moment, and how many share it.
//
//	          Failures in a row                    a probe was answered
//	Shared ───────────────────────▶ Local ──────────────────────────────▶ Shared
//	                                  │ ▲                                   ▲
//	         answered: grace to pass  ▼ │ failed again      grace has passed│
//	                                Local, joining ─────────────────────────┘

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Fleet is what all limits have in common. Store and Key must be set.
type Fleet struct {
	// Store is the Redis that the fleet shares.
	Store Store
	// Key names the limit: those with the same key share it, and must agree in
	// what they ask of it. It is hashed as a whole in a Redis Cluster, so it must
	// not contain braces.
	Key string
	// Members is how many processes share the limit, each of which gets an equal
	// share while Redis can't be reached. 0: as many as Redis has last said, all
	// that used the limit within the last MemberTTL.
	Members int
	// Timeout is the most that Redis adds to one call while it does not answer and
	// is not yet marked down. A round trip may take half of it, as a call may have
	// to wait for the one before. 0: 50 ms.
	Timeout time.Duration
	// Failures is how many round trips have to fail in a row before Redis is
	// marked down. 0: 3.
	Failures int
	// Probe is how often at most Redis is tried while it is down: at first after
	// a tenth, then less often. 0: 1 s.
	Probe time.Duration
	// MemberTTL is how long a process that makes no call stays in the fleet, and how
	// long what a crashed one held stays away. 0: 10 s.
	MemberTTL time.Duration
	// Unseen is what to do as long as Redis was never reached and Members is 0.
	Unseen Unseen
	// Logger gets one line for each change of mode. Nil: slog.Default().
	Logger *slog.Logger
}

// Unseen is what a limit does whose share is unknown, since Redis was never
// reached and [Fleet.Members] is not set.
type Unseen int

const (
	// FailNew lets NewRate and NewSemaphore fail. It is the default.
	FailNew Unseen = iota
	// FailOpen grants everything until Redis is reached.
	FailOpen
	// FailClosed refuses everything until Redis is reached.
	FailClosed
)

// Mode says where a limit gets its verdicts.
type Mode int

const (
	// Shared: from Redis. A limit gets there when Redis answers, and leaves it when
	// Redis has failed [Fleet.Failures] times in a row.
	Shared Mode = iota
	// Local: from this process alone, on its share of the limit.
	Local
)

// String returns the mode's name in lower case.
func (m Mode) String() string {
	if m == Local {
		return "local"
	}
	return "shared"
}

// State is how a limit stands with Redis.
type State struct {
	Mode     Mode      // where verdicts come from
	Since    time.Time // when it came to that mode
	Changes  uint64    // of mode, ever
	Members  int       // how many shares the limit would be cut into now; 0: unknown
	Failures uint64    // round trips that failed, ever
	Trips    uint64    // round trips, ever
	LastErr  error     // of the last one that failed, nil if none ever did
	Share    float64   // of the limit for this process while Local: units, or tokens per second; 0: unknown
	Leased   int64     // that this process has in advance
	Refused  uint64    // calls refused while Local, or by the share
}

// Gauges returns the state's levels: with [State.Counters] it makes a State what
// the collectors for Prometheus and OpenTelemetry take for a fleet.
func (s State) Gauges() (local bool, members int, share float64, leased int64) {
	return s.Mode == Local, s.Members, s.Share, s.Leased
}

// Counters returns what only ever grows.
func (s State) Counters() (changes, trips, failures, refused uint64) {
	return s.Changes, s.Trips, s.Failures, s.Refused
}

// ErrNeverReached reports that Redis could not be reached by NewRate or
// NewSemaphore, and that it is not known how large a share to live on. The
// client's error is wrapped beside it.
var ErrNeverReached = errors.New("belayredis: Redis was never reached, and Members is not set")

// link is a limit's connection to its fleet.
type link struct {
	Fleet
	id   string
	keys []string
	base time.Time // local instants count from here

	mode   atomic.Int32 // a Mode, so that a call need not lock to know it
	nextAt atomic.Int64 // local instant: while Local, of the next probe, or of joining
	seen   atomic.Bool  // Redis was reached at least once
	joined atomic.Int64 // local instant at which Redis was last told the id; below zero: never

	state struct {
		sync.Mutex
		since    time.Time
		changes  uint64
		failures int // in a row
		pause    time.Duration
		joining  bool   // Redis answers, the grace has to pass
		probing  bool   // a probe is on its way
		contact  int64  // when Redis last answered
		sizes    [2]int // of the fleet: the largest in the present MemberTTL and in the one before
		sizesAt  int64
		failed   uint64
		trips    uint64
		lastErr  error
	}
}

func (l *link) init(f Fleet, keys ...string) {
	switch {
	case f.Store == nil:
		panic("belayredis: no Store")
	case f.Key == "":
		panic("belayredis: no Key")
	case f.Members < 0:
		panic("belayredis: Members < 0")
	}
	for _, c := range f.Key {
		if c == '{' || c == '}' {
			panic("belayredis: a brace in Key")
		}
	}
	l.Fleet = f
	l.Timeout = or(f.Timeout, 50*time.Millisecond)
	l.Probe = min(or(f.Probe, time.Second), 30*time.Second)
	l.MemberTTL = or(f.MemberTTL, 10*time.Second)
	if f.Failures <= 0 {
		l.Failures = 3
	}
	for _, k := range keys {
		l.keys = append(l.keys, "{"+f.Key+"}:"+k)
	}
	var id [12]byte
	_, _ = rand.Read(id[:]) // never fails
	l.id = hex.EncodeToString(id[:])
	l.base = time.Now()
	l.joined.Store(-1)
	l.state.since = l.base
}

// or is the default where d is zero; less is none at all, which is the least
// there can be.
func or(d, def time.Duration) time.Duration {
	switch {
	case d == 0:
		return def
	case d < 0:
		return time.Millisecond
	}
	return d
}

func (l *link) now() int64 { return int64(time.Since(l.base)) }

func (l *link) is(m Mode) bool { return Mode(l.mode.Load()) == m }

// joins returns the id, if the fleet is to be told that this process is in it: now
// and then, as it costs Redis more than all the rest.
func (l *link) joins() string {
	now, last := l.now(), l.joined.Load()
	if last >= 0 && now >= last && now-last < int64(l.MemberTTL)/8 {
		return ""
	}
	l.joined.Store(now)
	return l.id
}

// eval is one round trip. It counts it, and keeps the fleet's size that size
// finds in the answer.
func (l *link) eval(ctx context.Context, script *Script, args []string, size int) ([]int64, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.Timeout/2)
	defer cancel()
	reply, err := l.Store.Eval(ctx, script, l.keys, args)
	if err == nil && len(reply) <= size {
		err = fmt.Errorf("belayredis: %d integers from a script", len(reply))
	}
	if err != nil {
		l.fail(err)
		return nil, err
	}
	l.answered(int(reply[size]))
	return reply, nil
}

// answered keeps what every answer says.
func (l *link) answered(size int) {
	now := l.now()
	s := &l.state
	s.Lock()
	defer s.Unlock()
	s.trips++
	s.failures = 0
	if size == 0 { // it has forgotten
		l.joined.Store(-1)
	}
	s.contact = now
	if ttl := int64(l.MemberTTL); now-s.sizesAt > ttl || now < s.sizesAt {
		if now-s.sizesAt > 2*ttl {
			s.sizes[0] = 0
		}
		s.sizes, s.sizesAt = [2]int{size, s.sizes[0]}, now
	}
	s.sizes[0] = max(s.sizes[0], size)
	l.seen.Store(true)
}

// fail counts a failure, and leaves Shared if it is one too many.
func (l *link) fail(err error) {
	s := &l.state
	s.Lock()
	s.trips++
	s.failed++
	l.joined.Store(-1) // it may not have been told
	s.failures++
	s.lastErr = err
	changed := l.is(Shared) && s.failures >= l.Failures
	if changed {
		l.setLocked(Local)
		s.pause = l.Probe / 10
	} else {
		s.pause = min(2*s.pause, l.Probe)
	}
	s.joining = false
	l.nextAt.Store(l.now() + int64(s.pause))
	members := l.membersLocked()
	s.Unlock()
	if changed {
		l.logger().Warn("belayredis: Redis is down, the limit is local", "key", l.Key, "members", members, "err", err)
	}
}

func (l *link) setLocked(m Mode) {
	l.mode.Store(int32(m))
	l.state.since = time.Now()
	l.state.changes++
}

// back goes to Shared once the grace has passed, and reports whether it has. The
// caller calls say when it holds no lock.
func (l *link) back(grace time.Duration) (shared bool, say func()) {
	s := &l.state
	s.Lock()
	defer s.Unlock()
	if l.is(Shared) {
		return true, func() {}
	}
	if grace > 0 {
		s.joining = true
		l.nextAt.Store(l.now() + int64(grace))
		return false, func() {}
	}
	s.joining = false
	down, members := time.Since(s.since), l.membersLocked()
	l.setLocked(Shared)
	return true, func() {
		l.logger().Info("belayredis: Redis is back, the limit is shared", "key", l.Key, "members", members, "after", down)
	}
}

// due is asked by every call while the limit is local. It says what there is to
// do: to join, as the grace has passed, or to probe, which only one caller is
// told at a time.
func (l *link) due() (join, probe bool) {
	now, next := l.now(), l.nextAt.Load()
	if now < next && now >= next-int64(time.Minute) {
		return false, false
	}
	s := &l.state
	s.Lock()
	defer s.Unlock()
	switch {
	case l.nextAt.Load() != next || !l.is(Local):
		return false, false
	case s.joining:
		return true, false
	case s.probing:
		return false, false
	}
	s.probing = true
	return false, true
}

func (l *link) probed() {
	l.state.Lock()
	l.state.probing = false
	l.state.Unlock()
}

// away returns for how long Redis has not answered, in microseconds, since the
// beginning if it never did, and -1 while the limit is shared or was told to join.
func (l *link) away() int64 {
	l.state.Lock()
	defer l.state.Unlock()
	if l.is(Shared) || l.state.joining {
		return -1
	}
	return max(0, l.now()-l.state.contact) / 1000
}

// quiet returns how long ago Redis has answered, in microseconds.
func (l *link) quiet() int64 {
	l.state.Lock()
	defer l.state.Unlock()
	return max(0, l.now()-l.state.contact) / 1000
}

// untilNext returns when Redis is tried next.
func (l *link) untilNext() time.Duration {
	return max(time.Millisecond, time.Duration(l.nextAt.Load()-l.now()))
}

// members returns how many shares there are, 0 if that is unknown.
func (l *link) members() int {
	l.state.Lock()
	defer l.state.Unlock()
	return l.membersLocked()
}

func (l *link) membersLocked() int {
	switch {
	case l.Members > 0:
		return l.Members
	case !l.seen.Load():
		return 0
	}
	return max(1, l.state.sizes[0], l.state.sizes[1])
}

func (l *link) logger() *slog.Logger {
	if l.Logger != nil {
		return l.Logger
	}
	return slog.Default()
}

// stand returns how the limit stands with Redis, without what only the limit knows.
func (l *link) stand() State {
	s := &l.state
	s.Lock()
	defer s.Unlock()
	return State{
		Mode: Mode(l.mode.Load()), Since: s.since, Changes: s.changes, Members: l.membersLocked(),
		Failures: s.failed, Trips: s.trips, LastErr: s.lastErr,
	}
}

// first is the first round trip, by which it is known whether there is a Redis.
func (l *link) first(ctx context.Context, trip func(context.Context) error) error {
	err := trip(ctx)
	if err == nil {
		return nil
	}
	if l.Members == 0 && l.Unseen == FailNew {
		return fmt.Errorf("%w: %w", ErrNeverReached, err)
	}
	s := &l.state
	s.Lock()
	l.setLocked(Local)
	s.pause = l.Probe / 10
	l.nextAt.Store(l.now() + int64(s.pause))
	s.Unlock()
	l.logger().Warn("belayredis: Redis was not reached, the limit is local", "key", l.Key, "members", l.Members, "err", err)
	return nil
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
