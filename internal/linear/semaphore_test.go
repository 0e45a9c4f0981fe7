package linear_test

// This file checks semaphores.

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/internal/linear"
	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/semaphore"
)

// weighted is what is checked.
type weighted interface {
	Acquire(ctx context.Context, n int64) error
	TryAcquire(n int64) bool
	TryAcquireUpTo(n int64) int64
	Release(n int64)
	Resize(n int64)
}

type verb string

const (
	acquire verb = "acquire"
	try     verb = "try"
	upTo    verb = "up to"
	release verb = "release"
	resize  verb = "resize"
)

type request struct {
	verb verb
	n    int64
}

// answer is what a call returned: how many units, or none; hopeless if it was
// said to be too large.
type answer struct {
	got      int64
	ok       bool
	hopeless bool
}

type semaphoreState struct{ size, held int64 }

// semaphoreModel is a semaphore as one call after the other sees it. If waits,
// somebody may be in line at any time, or have been granted what he gives back
// at once as his context has ended too; then a call that doesn't wait may get
// less than there is.
func semaphoreModel(size int64, waits bool) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return semaphoreState{size: size} },
		Step: func(state, input, output any) (bool, any) {
			s, in, out := state.(semaphoreState), input.(request), output.(answer)
			free := max(s.size-s.held, 0)
			fits := in.n <= s.size-s.held
			switch in.verb {
			case acquire, try:
				switch {
				case out.ok:
					return fits, semaphoreState{s.size, s.held + in.n}
				case out.hopeless:
					return in.n > s.size, s
				case in.verb == acquire: // its context has ended
					return true, s
				}
				return waits || !fits, s
			case upTo:
				legal := out.got == min(free, in.n) || waits && out.got < min(free, in.n)
				return legal, semaphoreState{s.size, s.held + out.got}
			case release:
				return in.n <= s.held, semaphoreState{s.size, s.held - in.n}
			default:
				return true, semaphoreState{in.n, s.held}
			}
		},
		DescribeOperation: func(input, output any) string { return fmt.Sprintf("%v: %v", input, output) },
	}
}

// holder does random operations, and in the end gives back all that it holds.
func holder(s weighted, size int64, waits, resizes bool) linear.Program {
	return func(random *rand.Rand, record func(func() (any, any))) {
		var held []func()
		take := func(n int64) {
			held = append(held, func() {
				record(func() (any, any) { s.Release(n); return request{release, n}, answer{ok: true} })
			})
		}
		for range 7 {
			n := 1 + random.Int64N(size)
			switch kind := random.IntN(8); {
			case kind < 2 && waits:
				record(func() (any, any) {
					ctx, cancel := context.WithTimeout(context.Background(), time.Duration(random.Int64N(60_000)))
					defer cancel()
					err := s.Acquire(ctx, n)
					if err == nil {
						take(n)
					}
					return request{acquire, n}, answer{ok: err == nil, hopeless: errors.Is(err, semaphore.ErrTooLarge)}
				})
			case kind < 4:
				record(func() (any, any) {
					ok := s.TryAcquire(n)
					if ok {
						take(n)
					}
					return request{try, n}, answer{ok: ok}
				})
			case kind == 4:
				record(func() (any, any) {
					got := s.TryAcquireUpTo(n)
					if got > 0 {
						take(got)
					}
					return request{upTo, n}, answer{got: got}
				})
			case kind == 5 && resizes:
				record(func() (any, any) { s.Resize(n); return request{resize, n}, answer{ok: true} })
			case len(held) > 0:
				held[0]()
				held = held[1:]
			}
		}
		for _, giveBack := range held {
			giveBack()
		}
	}
}

// permits takes permits, settles and releases them, some of them twice.
func permits(l limiter.Limiter, size int64, waits bool) linear.Program {
	return func(random *rand.Rand, record func(func() (any, any))) {
		var stale limiter.Permit
		for range 7 {
			n := 1 + random.Int64N(size)
			var permit limiter.Permit
			var granted bool
			record(func() (any, any) {
				var err error
				verb := try
				if waits && random.IntN(2) == 0 {
					verb = acquire
					ctx, cancel := context.WithTimeout(context.Background(), time.Duration(random.Int64N(60_000)))
					defer cancel()
					permit, err = l.Take(ctx, n)
				} else {
					permit, err = l.TryTake(n)
				}
				granted = err == nil
				return request{verb, n}, answer{ok: granted, hopeless: errors.Is(err, limiter.ErrTooLarge)}
			})
			stale.Release()
			if !granted {
				continue
			}
			if kept := random.Int64N(n + 1); kept < n && random.IntN(3) == 0 {
				record(func() (any, any) { permit.Settle(kept); return request{release, n - kept}, answer{ok: true} })
				n = kept
			}
			record(func() (any, any) { permit.Release(); return request{release, n}, answer{ok: true} })
			permit.Release()
			stale = permit
		}
	}
}

// unexplained runs a program on fresh semaphores until a history can't be
// explained, or all could.
func unexplained(t *testing.T, histories int, size int64, waits bool, program func(size int64) linear.Program) (found []porcupine.Operation) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	first := rand.Uint64()
	for i := range uint64(histories) {
		runtime.GOMAXPROCS([]int{1, 2, 8}[i%3])
		history := linear.Record(first+i, 4, program(size))
		if !linear.Explained(semaphoreModel(size, waits), history) {
			t.Logf("seed %d", first+i)
			return history
		}
	}
	return nil
}

func TestTheSemaphoreIsLinearizable(t *testing.T) {
	for name, c := range map[string]struct{ waits, resizes bool }{
		"nobody waits":             {false, false},
		"nobody waits, other size": {false, true},
		"with a line":              {true, false},
		"with a line, other size":  {true, true},
	} {
		t.Run(name, func(t *testing.T) {
			require.Empty(t, unexplained(t, rounds(t), 4, c.waits, func(size int64) linear.Program {
				return holder(semaphore.NewWeighted(size), size, c.waits, c.resizes)
			}))
		})
	}
}

func TestPermitsAreLinearizable(t *testing.T) {
	for _, waits := range []bool{false, true} {
		require.Empty(t, unexplained(t, rounds(t), 4, waits, func(size int64) linear.Program {
			return permits(semaphore.NewWeighted(size), size, waits)
		}))
	}
}

// mock is a semaphore that is right but for one fault.
type mock struct {
	*semaphore.Weighted
	mu    sync.Mutex
	size  int64
	held  int64
	fault string
}

func (m *mock) TryAcquire(n int64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.held+n > m.size {
		return m.fault == "grants too much"
	}
	held := m.held
	if m.fault == "check, then act" {
		m.mu.Unlock()
		runtime.Gosched()
		m.mu.Lock()
	}
	m.held = held + n
	return true
}

func (m *mock) TryAcquireUpTo(n int64) int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	n = max(min(n, m.size-m.held), 0)
	m.held += n
	return n
}

func (m *mock) Release(n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch m.fault {
	case "gives back twice":
		m.held = max(0, m.held-2*n)
	case "loses what is given back":
		m.held = max(0, m.held-n+1)
	default:
		m.held -= n
	}
}

func (m *mock) Resize(n int64) {
	if m.fault == "the size comes late" {
		go func() { // ends when the semaphore is free
			time.Sleep(50 * time.Microsecond)
			m.mu.Lock()
			defer m.mu.Unlock()
			m.size = n
		}()
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.size = n
}

func TestFaultySemaphoresAreFoundOut(t *testing.T) {
	for _, fault := range []string{"grants too much", "check, then act", "gives back twice", "loses what is given back", "the size comes late"} {
		require.NotEmpty(t, unexplained(t, 3000, 4, false, func(size int64) linear.Program {
			return holder(&mock{size: size, fault: fault}, size, false, true)
		}), fault)
	}
	require.Empty(t, unexplained(t, 200, 4, false, func(size int64) linear.Program {
		return holder(&mock{size: size}, size, false, true)
	}), "without a fault")
}
