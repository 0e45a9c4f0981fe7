package belayredis_test

// This file has three processes hold units of one semaphore while one of them is
// killed, and then Redis, which comes back with nothing.

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	belayredis "github.com/belay-go/belay/contrib/redis"
	"github.com/belay-go/belay/contrib/redis/goredis"
)

const (
	holdersSize = 6
	holdersTTL  = 2 * time.Second
	keepers     = 3 // units that are held until the process is killed
)

// holdUnits takes and gives back units until its standard input ends, and prints
// each in the time that it certainly held it. Who keeps takes some for good. What was
// asked for while the limit was shared may have come from Redis.
func holdUnits(addr string, keeps bool) int {
	c := redis.NewClient(options(addr))
	defer c.Close()
	s, err := belayredis.NewSemaphore(context.Background(), belayredis.SemaphoreOptions{
		Fleet: belayredis.Fleet{
			Store: goredis.New(c), Key: "units", Members: 3, Logger: quiet,
			Timeout: time.Second, Probe: 200 * time.Millisecond, MemberTTL: holdersTTL,
		},
		Size: holdersSize,
	})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("ready")
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	for i := range 5 {
		if keeps && i == keepers {
			break
		}
		all.Go(func() {
			for n := i; ; n += 100 {
				mode := s.State().Mode
				p, err := s.Take(ctx, 1)
				if err != nil {
					return
				}
				fmt.Println("+", n, time.Now().UnixNano(), mode, s.State().Failures)
				if keeps {
					<-ctx.Done()
				} else {
					time.Sleep(5 * time.Millisecond)
				}
				fmt.Println("-", n, time.Now().UnixNano(), mode, 0)
				p.Release()
				time.Sleep(time.Duration(1+n%3) * time.Millisecond) // for the other processes: there is no order between them
			}
		})
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	cancel()
	all.Wait()
	return 0
}

// hold is a unit that was certainly held between two instants.
type hold struct {
	from, to int64 // to 0: still
	mode     string
	failures int // round trips of its process that had failed by then
}

// holder is a process that holds units.
type holder struct {
	*member
	mu    sync.Mutex
	holds map[int]*hold
	ended chan struct{}
}

func startHolder(t *testing.T, addr, how string) *holder {
	h := &holder{member: startRole(t, "units "+addr+" "+how), holds: map[int]*hold{}, ended: make(chan struct{})}
	go func() { // ends with the process
		defer close(h.ended)
		for h.lines.Scan() {
			var what, mode string
			var n, failures int
			var at int64
			if _, err := fmt.Sscan(h.lines.Text(), &what, &n, &at, &mode, &failures); err != nil {
				continue
			}
			h.mu.Lock()
			if what == "+" {
				h.holds[n] = &hold{from: at, mode: mode, failures: failures}
			} else {
				h.holds[n].to = at
			}
			h.mu.Unlock()
		}
	}()
	return h
}

// until returns what was held, to an instant at most.
func (h *holder) until(end int64) (all []hold) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, each := range h.holds {
		one := *each
		if one.to == 0 || one.to > end {
			one.to = end
		}
		if one.from < one.to {
			all = append(all, one)
		}
	}
	return all
}

// since reports whether something was taken after an instant in that mode.
func (h *holder) since(at time.Time, mode belayredis.Mode) bool {
	return slices.ContainsFunc(h.until(time.Now().UnixNano()), func(one hold) bool {
		return one.from > at.UnixNano() && one.mode == mode.String()
	})
}

// mostAtOnce returns how many of the holds were there at the same time, between two
// instants.
func mostAtOnce(holds []hold, from, to int64) (most int) {
	type step struct {
		at    int64
		delta int
	}
	var steps []step
	for _, h := range holds {
		if a, b := max(h.from, from), min(h.to, to); a < b {
			steps = append(steps, step{a, 1}, step{b, -1})
		}
	}
	slices.SortFunc(steps, func(a, b step) int {
		if a.at != b.at {
			return int(min(1, max(-1, a.at-b.at)))
		}
		return a.delta - b.delta
	})
	n := 0
	for _, s := range steps {
		n += s.delta
		most = max(most, n)
	}
	return most
}

func TestTheMostAtOnceIsFound(t *testing.T) {
	holds := []hold{{from: 1, to: 5}, {from: 5, to: 9}, {from: 2, to: 6}, {from: 3, to: 4}}
	require.Equal(t, 3, mostAtOnce(holds, 0, 100))
	require.Equal(t, 2, mostAtOnce(holds, 4, 100))
	require.Equal(t, 1, mostAtOnce(holds, 6, 100))
	require.Zero(t, mostAtOnce(holds, 9, 100))
}

func TestThreeProcessesNeverHoldMoreThanTheSizeWhileOneDiesAndRedisToo(t *testing.T) {
	redis := serverOf(t)
	three := startHolder(t, redis.addr, "keeps")
	eventually(t, "the third holds nothing", func() bool { return len(three.until(time.Now().UnixNano())) == keepers })
	one, two := startHolder(t, redis.addr, "goes on"), startHolder(t, redis.addr, "goes on")
	eventually(t, "the others hold nothing", func() bool {
		return one.since(time.Time{}, belayredis.Shared) && two.since(time.Time{}, belayredis.Shared)
	})

	dead := time.Now()
	require.NoError(t, three.cmd.Process.Kill())
	<-three.ended
	eventually(t, "what the dead one held is away", func() bool {
		now := time.Now().UnixNano()
		return mostAtOnce(append(one.until(now), two.until(now)...), dead.UnixNano(), now) == holdersSize
	})
	killed := time.Now()
	redis.kill()
	eventually(t, "nobody lives on a share", func() bool { return one.since(killed, belayredis.Local) && two.since(killed, belayredis.Local) })
	eventually(t, "the shares are not used", func() bool {
		now := time.Now().UnixNano()
		locals := slices.DeleteFunc(append(one.until(now), two.until(now)...), func(h hold) bool { return h.mode != belayredis.Local.String() })
		return mostAtOnce(locals, killed.UnixNano(), now) == 2*holdersSize/3
	})
	back := time.Now()
	redis.start()
	eventually(t, "nobody is back", func() bool { return one.since(back, belayredis.Shared) && two.since(back, belayredis.Shared) })
	eventually(t, "the whole is not there again", func() bool {
		now := time.Now().UnixNano()
		return mostAtOnce(append(one.until(now), two.until(now)...), back.UnixNano(), now) == holdersSize
	})
	for _, h := range []*holder{one, two} {
		require.NoError(t, h.in.Close())
		<-h.ended
		require.NoError(t, h.cmd.Wait())
	}

	end := time.Now().UnixNano()
	all := append(one.until(end), two.until(end)...)
	all = append(all, three.until(dead.UnixNano())...)
	bound := holdersSize
	for _, h := range []*holder{one, two, three} {
		if slices.ContainsFunc(h.until(killed.UnixNano()), func(one hold) bool { return one.failures > 0 }) {
			bound += holdersSize / 3 // a machine so slow that a round trip failed: its share is added
		}
	}
	require.LessOrEqual(t, mostAtOnce(all, 0, killed.UnixNano()), bound, "while Redis was there")
	// What was out when Redis was lost is added, as the package says.
	var without []hold
	for _, h := range all {
		if h.mode == belayredis.Local.String() || h.from > back.UnixNano() {
			without = append(without, h)
		}
	}
	require.LessOrEqual(t, mostAtOnce(without, 0, end), holdersSize, "from when Redis was lost on")
	require.LessOrEqual(t, mostAtOnce(all, 0, end), 2*holdersSize)
	share := mostAtOnce(without, 0, back.UnixNano())
	require.Equal(t, 2*holdersSize/3, share, "two shares of three")
	t.Logf("%d holds; %d at once with Redis, %d without, %d after it was back", len(all),
		mostAtOnce(all, 0, killed.UnixNano()), share, mostAtOnce(all, back.UnixNano(), end))
}

// unitsRole reads the role of a process that holds units.
func unitsRole(role string) (addr string, keeps, ok bool) {
	rest, ok := strings.CutPrefix(role, "units ")
	addr, how, _ := strings.Cut(rest, " ")
	return addr, how == "keeps", ok
}
