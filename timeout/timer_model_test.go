package timeout_test

// This file plays random programs on a Timer, and holds each result and each
// moment of firing against a model that knows one deadline.

import (
	"bytes"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/timeout"
)

// clockwork is the model beside the timer that it models. Times count from the
// start of the program.
type clockwork struct {
	timer timeout.Timer
	began time.Time
	busy  time.Duration // how long Func takes
	over  atomic.Int32  // calls of Func at once, at most

	mu    sync.Mutex
	fired []time.Duration // when Func was called; guarded by mu

	now      time.Duration
	armed    bool // and has not fired; past its deadline while Func runs
	deadline time.Duration
	runs     bool
	until    time.Duration // Func runs
	last     timeout.Ending
	want     []time.Duration // when Func was called
}

func (c *clockwork) call() {
	if c.over.Add(1) > 1 {
		panic("two calls at once")
	}
	c.mu.Lock()
	c.fired = append(c.fired, time.Since(c.began))
	c.mu.Unlock()
	time.Sleep(c.busy)
	c.over.Add(-1)
}

// advance moves the model's clock to the next thing that happens, or to now.
func (c *clockwork) advance(to time.Duration) {
	for {
		switch {
		case c.runs && c.until <= to:
			c.now, c.runs = c.until, false
		case c.armed && !c.runs && max(c.deadline, c.now) <= to:
			c.now = max(c.deadline, c.now)
			c.armed, c.last = false, timeout.Fired
			c.want = append(c.want, c.now)
			c.runs, c.until = true, c.now+c.busy
		default:
			c.now = to
			return
		}
	}
}

func (c *clockwork) ending() timeout.Ending {
	if c.armed {
		return timeout.Stopped
	}
	return c.last
}

func (c *clockwork) step(t *testing.T, op, arg byte) {
	d := time.Duration(int(arg%5)-1) * time.Second
	at := c.now + max(d, 0)
	switch op % 10 {
	case 0, 1:
		want := c.last
		if c.armed {
			want = timeout.Replaced
		}
		require.Equal(t, want, c.timer.Reset(d))
		c.armed, c.deadline = true, at
	case 2:
		require.Equal(t, c.armed, c.timer.Extend(d))
		if c.armed && d > 0 {
			c.deadline = max(c.deadline, at)
		}
	case 3:
		require.Equal(t, c.armed, c.timer.Shrink(d))
		c.deadline = min(c.deadline, at)
	case 4:
		c.last = c.ending()
		require.Equal(t, c.last, c.timer.Stop())
		c.armed = false
	case 5:
		c.last, c.armed = c.ending(), false
		until := c.now
		if c.runs {
			until = c.until
		}
		require.Equal(t, c.last, c.timer.StopWait())
		require.Equal(t, until, time.Since(c.began))
		c.advance(until)
	default:
		time.Sleep(500 * time.Millisecond)
		c.advance(c.now + 500*time.Millisecond)
	}
	synctest.Wait()
	c.advance(c.now)
	c.mu.Lock()
	defer c.mu.Unlock()
	require.Equal(t, c.want, c.fired)
}

func playTimer(t *testing.T, busy byte, program []byte) {
	synctest.Test(t, func(t *testing.T) {
		c := clockwork{began: time.Now(), busy: time.Duration(busy%8) * 750 * time.Millisecond}
		c.timer.Func = c.call
		for ; len(program) >= 2; program = program[2:] {
			c.step(t, program[0], program[1])
		}
		c.timer.StopWait()
	})
}

func FuzzTimerAgreesWithTheModel(f *testing.F) {
	f.Add(byte(0), []byte{0, 2, 6, 0, 2, 4, 6, 0, 6, 0, 6, 0, 4, 0}) // extended, past the first deadline
	f.Add(byte(0), []byte{0, 4, 3, 2, 2, 4, 6, 0, 6, 0, 6, 0, 3, 1}) // shrunk, extended, shrunk
	f.Add(byte(7), []byte{0, 1, 6, 0, 0, 1, 6, 0, 2, 3, 6, 0, 4, 0}) // due while Func runs
	f.Fuzz(playTimer)
}

func TestATimerAgreesWithTheModel(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for range 2000 {
		program := make([]byte, 100)
		for i := range program {
			program[i] = byte(random.UintN(256))
		}
		playTimer(t, byte(random.UintN(256)), program)
	}
}

func TestATimerAgreesWithTheModelInEveryOrderOfEvents(t *testing.T) {
	// Each of these twice as long as, or longer than, another; and whatever is
	// left then fires.
	events := [][]byte{{0, 2}, {0, 4}, {2, 3}, {2, 4}, {3, 2}, {3, 3}, {4, 0}, {6, 0, 6, 0}}
	end := bytes.Repeat([]byte{6, 0}, 10)
	for n := range len(events) * len(events) * len(events) * len(events) {
		var program []byte
		for range 4 {
			program = append(program, events[n%len(events)]...)
			n /= len(events)
		}
		program = append(program, end...)
		playTimer(t, 0, program)
		playTimer(t, 2, program)
	}
}
