package linear_test

// This file checks rates, with times that callers hand in.

import (
	"flag"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/internal/linear"
	"github.com/belay-go/belay/limiter/rate"
)

var long = flag.Int("histories", 400, "how many histories of each kind are checked")

// rounds is how many histories a test looks at.
func rounds(*testing.T) int { return *long }

// bucket is what is checked.
type bucket interface {
	AllowN(t time.Time, n int) bool
	SetLimitAt(t time.Time, limit rate.Limit)
	SetBurstAt(t time.Time, burst int)
}

// order is a call: of so many tokens, or the new setting, at a millisecond.
type order struct {
	verb string
	ms   int64
	n    int64
}

// bucketState has whole tokens only: limits are multiples of a thousand a
// second, and times of a millisecond.
type bucketState struct{ perMS, burst, tokens, last int64 }

func (b bucketState) at(ms int64) bucketState {
	if ms > b.last {
		b.tokens += (ms - b.last) * b.perMS
		b.last = ms
	}
	b.tokens = min(b.tokens, b.burst)
	return b
}

// bucketModel is a bucket that never goes back in time. A refusal changes
// nothing, not even the time.
var bucketModel = porcupine.Model{
	Init: func() any { return bucketState{perMS: 1, burst: 3, tokens: 3} },
	Step: func(state, input, output any) (bool, any) {
		b, in, allowed := state.(bucketState), input.(order), output.(bool)
		now := b.at(in.ms)
		switch in.verb {
		case "limit":
			now.perMS = in.n
			return true, now
		case "burst":
			now.burst = in.n
			return true, now
		}
		if in.n > now.tokens {
			return !allowed, b
		}
		now.tokens -= in.n
		return allowed, now
	},
}

func customer(b bucket, epoch time.Time, settings bool) linear.Program {
	return func(random *rand.Rand, record func(func() (any, any))) {
		now := int64(0)
		for range 8 {
			now += random.Int64N(3)
			ms := now - random.Int64N(now+1) // some are late
			at := epoch.Add(time.Duration(ms) * time.Millisecond)
			n := 1 + random.Int64N(3)
			record(func() (any, any) {
				switch kind := random.IntN(10); {
				case kind == 0 && settings:
					b.SetLimitAt(at, rate.Limit(1000*n))
					return order{"limit", ms, n}, true
				case kind == 1 && settings:
					b.SetBurstAt(at, int(n+1))
					return order{"burst", ms, n + 1}, true
				}
				return order{"allow", ms, n}, b.AllowN(at, int(n))
			})
		}
	}
}

func unexplainedRate(t *testing.T, histories int, settings bool, fresh func() bucket) (found []porcupine.Operation) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	first, epoch := rand.Uint64(), time.Now()
	for i := range uint64(histories) {
		runtime.GOMAXPROCS([]int{1, 2, 8}[i%3])
		b := fresh()
		b.SetBurstAt(epoch, 3) // the bucket knows the time from here on
		history := linear.Record(first+i, 4, customer(b, epoch, settings))
		if !linear.Explained(bucketModel, history) {
			t.Logf("seed %d", first+i)
			return history
		}
	}
	return nil
}

func TestTheRateIsLinearizable(t *testing.T) {
	for _, settings := range []bool{false, true} {
		require.Empty(t, unexplainedRate(t, rounds(t), settings, func() bucket { return rate.NewLimiter(1000, 3) }))
	}
}

// twice is a bucket with a fault of its own.
type twice struct {
	mu    sync.Mutex
	epoch time.Time
	state bucketState
	fault string
}

func (b *twice) at(t time.Time) bucketState {
	if b.epoch.IsZero() {
		b.epoch = t
	}
	ms := t.Sub(b.epoch).Milliseconds()
	if b.fault == "an older clock accrues again" {
		b.state.last = min(b.state.last, ms)
	}
	return b.state.at(ms)
}

func (b *twice) AllowN(t time.Time, n int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.at(t)
	if int64(n) > now.tokens {
		return false
	}
	before := b.state
	now.tokens -= int64(n)
	b.state = now
	if b.fault == "an Allow is lost between two settings" {
		b.mu.Unlock()
		runtime.Gosched()
		b.mu.Lock()
		if b.state != now {
			b.state.tokens = before.tokens
		}
	}
	return true
}

func (b *twice) SetLimitAt(t time.Time, limit rate.Limit) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.state = b.at(t)
	b.state.perMS = int64(limit) / 1000
}

func (b *twice) SetBurstAt(t time.Time, burst int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.state = b.at(t)
	b.state.burst = int64(burst)
}

func TestFaultyRatesAreFoundOut(t *testing.T) {
	faulty := func(fault string) func() bucket {
		return func() bucket { return &twice{fault: fault, state: bucketState{perMS: 1, burst: 3, tokens: 3}} }
	}
	for _, fault := range []string{"an older clock accrues again", "an Allow is lost between two settings"} {
		require.NotEmpty(t, unexplainedRate(t, 3000, true, faulty(fault)), fault)
	}
	require.Empty(t, unexplainedRate(t, 200, true, faulty("")), "without a fault")
}
