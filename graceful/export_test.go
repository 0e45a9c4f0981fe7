package graceful

// The pure parts, for tests and fuzzing from outside.

import (
	"context"
	"net"
	"os"
	"runtime/pprof"
	"time"

	"github.com/belay-go/belay/internal/handover"
	"github.com/belay-go/belay/internal/sdnotify"
)

const (
	CutTime = cutTime
	Forever = forever
)

type Budget struct{ b budget }

func NewBudget(total time.Duration, phases int, now time.Time) Budget {
	return Budget{newBudget(total, phases, now)}
}
func (b Budget) Usable() time.Duration { return b.b.usable }
func (b Budget) Window(now time.Time, limits []time.Duration) time.Duration {
	return b.b.window(now, limits)
}
func (b Budget) Percent(now time.Time) int { return b.b.percent(now) }

var Split = split

// Looks returns how many goroutine profiles a manager has taken.
func Looks(m *Manager) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.mu.looks
}

// ReadStacks returns what a recorded profile says of one component. hidden
// stands for the symbols of the program that it was recorded in.
func ReadStacks(profile, name string, most int, hidden func(pcs []uintptr) []string) (line, stacks string) {
	s := parseStacks(profile, "", []string{name}, hidden)[name]
	return where(s), printStacks(s, most)
}

// BeginProfile stands for somebody who takes a profile of m; it is there when
// the function that it returns is called.
func BeginProfile(m *Manager, text string) (end func()) {
	p := &profile{began: time.Now(), done: make(chan struct{}), text: text}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mu.profile = p
	return func() {
		m.mu.Lock()
		m.mu.profile = nil
		m.mu.Unlock()
		close(p.done)
	}
}

// ProfileSince returns a profile of m that was not begun before since.
func ProfileSince(m *Manager, since time.Time) string { return m.profile(since) }

// Crowd starts n goroutines of a component that call f, and returns a look at
// it. They end with f.
func Crowd(n int, name string, f func()) (look func() (line string)) {
	r := New(Options{Signals: []os.Signal{}}).newRun(context.Background())
	ctx := labelled(r.ctx, name)
	for range n {
		go func() {
			pprof.SetGoroutineLabels(ctx)
			f()
		}()
	}
	return func() string { return where(r.m.look(time.Now(), name)[name]) }
}

// NoticesTo has everything that m would send to a service manager given to
// send.
func NoticesTo(m *Manager, send func(addr, text string) error) { m.sendNotice = send }

var (
	PingEvery  = pingEvery
	SendNotice = sdnotify.Send
)

// TerminationLogOf returns where the last words go; "" is nowhere.
func TerminationLogOf(opts Options) string { return opts.terminationLog() }

type SignalLog struct{ l signalLog }

// Take returns "same", "first", "repeated" or "second".
func (l *SignalLog) Take(sig os.Signal, now time.Time) string {
	return [...]string{"same", "first", "repeated", "second"}[l.l.take(sig, now)]
}

// SamePlace compares what two recorded profiles say of component "c".
func SamePlace(before, after string, hidden func(pcs []uintptr) []string) bool {
	names := []string{"c"}
	return samePlace(parseStacks(before, "", names, hidden)["c"], parseStacks(after, "", names, hidden)["c"])
}

// AtPoints has f called at each named point of a restart that m is part of. The
// other process is the new one or the old one; 0: there is none.
func AtPoints(m *Manager, f func(point string, other int)) {
	m.at = func(point string) {
		m.mu.Lock()
		other := 0
		switch s, r := m.mu.succession, m.mu.run; {
		case s != nil && s.proc != nil:
			other = s.proc.PID
		case r != nil && r.heir != nil && r.heir.in.Link != nil:
			other = r.heir.in.Hello.PID
		}
		m.mu.Unlock()
		f(point, other)
	}
}

var (
	RotateTickets = rotate
	PlainTickets  = plainTickets
	NextProtos    = nextProtos
)

// TicketKeysOf returns the keys that a server of m has now.
func TicketKeysOf(m *Manager, name string) (keys [][]byte) {
	for _, k := range m.part(name).server.tickets.all(time.Now()) {
		keys = append(keys, k.Key)
	}
	return keys
}

// A Mover sends connections of component "c" to send.
type Mover struct{ v *mover }

func NewMover(send func(handover.Message) error) Mover { return Mover{newMover(send)} }

func (m Mover) Move(c *net.TCPConn) error { return m.v.move("c", c) }
func (m Mover) Run()                      { m.v.run() }
func (m Mover) Answered(taken int)        { m.v.answered(taken) }
func (m Mover) Stop()                     { m.v.stop() }
func (m Mover) End()                      { m.v.end() }
