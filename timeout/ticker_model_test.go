package timeout_test

// This file plays random programs on a Ticker, and holds it against a model that
// divides nothing: it has a list of missed ticks, and walks from one tick of the
// grid to the next.

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/timeout"
)

// metronome is the model beside the Ticker that it models. Times are since the
// first use.
type metronome struct {
	ticker *timeout.Ticker
	began  time.Time

	next    time.Duration   // of the grid; the first that is not missed
	missed  []time.Duration // those that are made up for
	dropped uint64
	atLeast time.Duration // where the Jitter of the next tick was seen to end, at least
}

func (m *metronome) now() time.Duration { return time.Since(m.began) }

// ask brings the model up to now, as asking for a tick does.
func (m *metronome) ask() {
	if m.ticker.Delay {
		return
	}
	for now := m.now(); m.next+m.ticker.Every <= now; m.next += m.ticker.Every {
		m.missed = append(m.missed, m.next)
		m.atLeast = 0
		if m.ticker.Burst >= 0 && len(m.missed) > m.ticker.Burst {
			m.missed = m.missed[1:]
			m.dropped++
		}
	}
}

// taken holds a tick that was taken against the model. A tick of unknown due
// has none.
func (m *metronome) taken(t *testing.T, asked time.Duration, due *time.Duration) {
	now := m.now()
	grid := m.next
	if len(m.missed) > 0 {
		grid = m.missed[0]
		m.missed = m.missed[1:]
		require.Equal(t, asked, now, "a missed tick is returned at once")
	} else if m.next += m.ticker.Every; m.ticker.Delay {
		m.next = now + m.ticker.Every
	}
	late := max(m.ticker.Jitter-1, 0)
	require.GreaterOrEqual(t, now, max(grid, m.atLeast))
	require.LessOrEqual(t, now, max(asked, grid+late))
	if due != nil {
		require.GreaterOrEqual(t, *due, grid)
		require.LessOrEqual(t, *due, grid+late)
		require.Equal(t, max(asked, *due), now)
	}
	m.atLeast = 0
}

// refused sees that a call that failed had to: no tick was due up to now.
func (m *metronome) refused(t *testing.T, until time.Duration) {
	require.Empty(t, m.missed)
	require.Greater(t, m.next+max(m.ticker.Jitter-1, 0), until)
	m.atLeast = max(m.atLeast, until+1)
}

// step plays one operation, which is given d of time.
func (m *metronome) step(t *testing.T, op byte, d time.Duration) {
	asked := m.now()
	switch op % 6 {
	case 0, 1:
		time.Sleep(d)
	case 2:
		m.ask()
		require.NoError(t, m.ticker.Wait(t.Context()))
		m.taken(t, asked, nil)
	case 3:
		m.ask()
		for at := range m.ticker.Ticks(t.Context()) {
			due := at.Sub(m.began)
			m.taken(t, asked, &due)
			break
		}
	case 4: // a context that is done after d
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		if d == 0 {
			cancel()
		} else {
			defer time.AfterFunc(d, cancel).Stop()
		}
		m.wait(t, ctx, asked, asked+d)
	case 5: // a deadline in d: the wait fails at once
		ctx, cancel := context.WithTimeout(t.Context(), d)
		defer cancel()
		if m.wait(t, ctx, asked, asked+d) != nil && d > 0 {
			require.Equal(t, asked, m.now())
			require.NoError(t, ctx.Err())
		}
	}
	require.Equal(t, m.dropped, m.ticker.Dropped())
}

// wait is a Wait under a context that lasts until then.
func (m *metronome) wait(t *testing.T, ctx context.Context, asked, until time.Duration) error {
	if ctx.Err() == nil {
		m.ask()
	}
	err := m.ticker.Wait(ctx)
	switch {
	case err == nil:
		m.taken(t, asked, nil)
		require.LessOrEqual(t, m.now(), until)
	case until > asked:
		m.refused(t, until)
	}
	return err
}

// playTicker runs a program: four bytes for the Ticker, and then two bytes an
// operation.
func playTicker(t *testing.T, program []byte) {
	if len(program) < 4 {
		return
	}
	synctest.Test(t, func(t *testing.T) {
		const every = 1000
		m := &metronome{began: time.Now(), next: every, ticker: &timeout.Ticker{
			Every:     every,
			Immediate: program[0]%2 == 0,
			Delay:     program[0]%8 > 5,
			Burst:     int(program[1]%5) - 1,
		}}
		if program[2]%2 == 0 {
			m.ticker.Jitter = every * time.Duration(program[3]) / 255
		}
		if m.ticker.Immediate {
			m.next = 0
		}
		m.ask()
		m.step(t, 5, 1) // the first use
		for program = program[4:]; len(program) >= 2; program = program[2:] {
			m.step(t, program[0], time.Duration(program[1])*every/50)
		}
	})
}

func FuzzTickerAgreesWithTheModel(f *testing.F) {
	f.Add([]byte{1, 1, 1, 0, 2, 0, 0, 255, 0, 255, 3, 0, 2, 0, 3, 0})         // skip
	f.Add([]byte{0, 3, 1, 0, 2, 0, 0, 255, 0, 255, 3, 0, 2, 0, 3, 0, 3, 0})   // the first at once, two made up for
	f.Add([]byte{1, 0, 0, 255, 2, 0, 0, 200, 4, 20, 5, 40, 3, 0, 2, 0, 3, 0}) // all made up for, with jitter
	f.Add([]byte{7, 1, 0, 128, 2, 0, 0, 200, 4, 20, 5, 40, 3, 0, 2, 0, 3, 0}) // delay
	f.Fuzz(playTicker)
}

func TestRandomProgramsOfATickerAgreeWithTheModel(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	for range 1000 {
		program := make([]byte, 100)
		for i := range program {
			program[i] = byte(random.UintN(256))
		}
		playTicker(t, program)
	}
}

func TestATickerAgreesWithTheModelInEveryOrderOfEvents(t *testing.T) {
	settings := [][]byte{
		{0, 0, 1, 0}, {0, 1, 1, 0}, {0, 2, 1, 0}, // the first at once; all, none and one made up for
		{1, 0, 1, 0}, {1, 1, 1, 0}, {1, 2, 1, 0}, // the first after a period; the same
		{7, 1, 1, 0}, // delay
	}
	// Half a period, a period, and several; a tick, either way; a wait that is
	// cancelled, and one that has a deadline, before half of the ticks.
	events := [][]byte{{0, 25}, {0, 50}, {0, 175}, {2, 0}, {3, 0}, {4, 30}, {5, 30}}
	end := []byte{3, 0, 3, 0}
	for n := range len(events) * len(events) * len(events) * len(events) {
		var order []byte
		for range 4 {
			order = append(order, events[n%len(events)]...)
			n /= len(events)
		}
		for _, s := range settings {
			playTicker(t, slices.Concat(s, order, end))
		}
	}
}
