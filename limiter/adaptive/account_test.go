package adaptive_test

// This file holds the account against plain sums, across every wrap.

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/limiter/adaptive"
)

// stay is units that came and went together.
type stay struct {
	n         int64
	from, to  time.Duration // to: 0 while they are there
	dropped   bool
	inWindows bool // they came in an earlier window
}

// ledger is an account in which every stay is written down.
type ledger struct {
	t       *testing.T
	account *adaptive.Account
	now     time.Duration
	begin   time.Duration
	stays   []*stay
	turned  int64
	waited  int64
	slack   time.Duration // of this window
	since   time.Duration // slack began; 0: there is none
	granted uint64
	owed    int64         // units of earlier windows that were forgotten in this one
	back    time.Duration // and all their time
}

func newLedger(t *testing.T, at time.Duration, bits uint64) *ledger {
	return &ledger{t: t, account: adaptive.NewAccount(at, bits), now: at, begin: at}
}

func (l *ledger) enter(n int64) {
	l.account.Enter(l.now, n)
	l.stays = append(l.stays, &stay{n: n, from: l.now})
}

// some returns a stay that is not over, nil if there is none.
func (l *ledger) some(i int) *stay {
	var here []*stay
	for _, s := range l.stays {
		if s.to == 0 {
			here = append(here, s)
		}
	}
	if len(here) == 0 {
		return nil
	}
	return here[i%len(here)]
}

func (l *ledger) leave(s *stay, dropped bool) {
	s.to, s.dropped = l.now, dropped
	if dropped {
		l.account.Drop(l.now, s.n)
	} else {
		l.account.Leave(l.now, s.n)
	}
}

// forget forgets n units of a stay, in all windows: what earlier ones had of them
// is taken off from this one.
func (l *ledger) forget(s *stay, n int64) {
	l.account.Forget(s.from, n)
	if s.inWindows {
		l.owed += n
		l.back += time.Duration(n) * (l.begin - s.from)
	}
	if s.n -= n; s.n == 0 {
		l.stays = slices.DeleteFunc(l.stays, func(other *stay) bool { return other == s })
	}
}

func (l *ledger) slacken(on bool) {
	switch {
	case on:
		l.account.Slacken(l.now)
		if l.since == 0 {
			l.since = l.now
		}
	default:
		l.account.Tighten(l.now)
		if l.since != 0 {
			l.slack += l.now - l.since
			l.since = 0
		}
	}
}

// read ends a window, and compares. Each unit is at most one tick off at each of its
// ends.
func (l *ledger) read(what string) {
	w := l.account.Read(l.now)
	var area time.Duration
	var done, arrived, here, moved int64
	for _, s := range l.stays {
		to := s.to
		if to == 0 {
			to = l.now
			here += s.n
		}
		area += time.Duration(s.n) * (to - max(s.from, l.begin))
		moved += s.n
		if !s.inWindows {
			arrived += s.n
		}
		if s.to != 0 && !s.dropped {
			done += s.n
		}
		s.inWindows = true
	}
	l.stays = slices.DeleteFunc(l.stays, func(s *stay) bool { return s.to != 0 })
	area -= l.back
	arrived -= l.owed
	if l.since != 0 {
		l.slack += l.now - l.since
		l.since = l.now
	}
	l.granted += uint64(arrived)
	off := float64((2*moved+2*l.owed+2)*adaptive.Tick) / 1e9
	require.InDelta(l.t, area.Seconds(), w.Area, off, what)
	require.Equal(l.t, float64(done), w.Done, what)
	require.Equal(l.t, float64(arrived+l.turned), w.Arrived, what)
	require.Equal(l.t, float64(l.turned+l.waited), w.Limited, what)
	require.InDelta(l.t, l.slack.Seconds(), w.Slack, 1e-7, what)
	require.Equal(l.t, (l.now - l.begin).Seconds(), w.Span, what)
	require.Equal(l.t, here, l.account.InFlight(), what)
	require.Equal(l.t, l.granted, l.account.Granted(), what)
	l.begin, l.turned, l.waited, l.slack, l.owed, l.back = l.now, 0, 0, 0, 0, 0
}

// do reads one operation from three bytes.
func (l *ledger) do(op, many, wait byte) {
	l.now += time.Duration(wait) * time.Duration(wait) * 3 * time.Microsecond
	n := 1 + int64(many)%64 // the area of all must not be more than a day and a half
	s := l.some(int(many))
	switch op % 10 {
	case 0, 1, 2:
		l.enter(n)
	case 3, 4, 5:
		if s != nil {
			l.leave(s, op%10 == 5)
		}
	case 6:
		if s != nil {
			l.forget(s, 1+n%s.n)
		}
	case 7:
		if op&16 != 0 {
			l.account.TurnAway(n)
			l.turned += n
		} else {
			l.account.Queue(n)
			l.waited += n
		}
	case 8:
		l.slacken(op&16 != 0)
	case 9:
		l.read("a window")
	}
}

func account(t *testing.T, program []byte) {
	if len(program) < 3 {
		return
	}
	// Just short of where the count wraps, or the times, or both.
	bits := []uint64{0, 1<<adaptive.CountBits - 1 - uint64(program[1]), -uint64(program[1]), 1<<63 - 5}[program[0]%4]
	at := []time.Duration{0, time.Hour, 1 << 48, 30 * 365 * 24 * time.Hour}[program[2]%4] // the times wrap at 2^40 ticks: 2^48 ns
	l := newLedger(t, at-time.Duration(program[1])*time.Millisecond+1, bits)
	for op := range slices.Chunk(program[3:], 3) {
		if len(op) == 3 {
			l.do(op[0], op[1], op[2])
		}
	}
	l.read("the last window")
}

func TestTheAccountIsRightAcrossEveryWrap(t *testing.T) {
	for seed := range uint64(2000) {
		random := rand.New(rand.NewPCG(seed, 2))
		program := make([]byte, 3+3*random.IntN(100))
		for i := range program {
			program[i] = byte(random.Uint32())
		}
		program[0], program[2] = byte(seed), byte(seed>>2)
		account(t, program)
	}
}

func FuzzAccount(f *testing.F) {
	f.Add([]byte{1, 9, 0, 0, 9, 9, 3, 0, 9, 9, 0, 0})           // the count wraps
	f.Add([]byte{2, 0, 2, 0, 9, 255, 9, 0, 0, 6, 0, 200})       // forgotten after its window
	f.Add([]byte{3, 0, 3, 24, 0, 9, 9, 0, 9, 8, 0, 9, 9, 0, 9}) // slack over two windows
	f.Fuzz(func(t *testing.T, program []byte) {
		if len(program) < 400 {
			account(t, program)
		}
	})
}

func TestEightMillionUnitsInAWindowAreCounted(t *testing.T) {
	l := newLedger(t, time.Minute, 0)
	for range 8 {
		l.enter(1_000_000)
		l.now += time.Millisecond
		l.leave(l.some(0), false)
	}
	l.read("the first window")
	l.enter(8_000_000)
	l.now += time.Millisecond
	l.read("in")
	l.leave(l.some(0), true)
	l.read("out")
}

func TestAWindowOfTwoClocksIsNotWhole(t *testing.T) {
	const decades = 26 * 365 * 24 * time.Hour
	for _, jump := range []time.Duration{decades, -decades, 2 * time.Minute, -2 * time.Minute, -11 * time.Millisecond} {
		for _, leaves := range []bool{false, true} {
			l := newLedger(t, 2*decades, 0)
			l.enter(20)
			l.now += 10 * time.Millisecond
			l.slacken(true)
			l.now += jump
			if leaves {
				l.leave(l.some(0), false)
			}
			require.False(t, l.account.Read(l.now).Whole(), "%v", jump)
			// The next one is of one clock, whatever began in the other.
			l.now += 10 * time.Millisecond
			w := l.account.Read(l.now)
			require.True(t, w.Whole(), "%v", jump)
			require.InDelta(t, .01, w.Span, 1e-9)
			require.InDelta(t, 20*.01*float64(l.account.InFlight()/20), w.Area, 1e-4, "%v", jump)
		}
	}
}
