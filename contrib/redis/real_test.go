package belayredis_test

// This file tests both clients on real servers: scripts that are lost, servers that
// hang, are replaced by a replica, or are a cluster.

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/rueidis"
	"github.com/stretchr/testify/require"

	belayredis "github.com/belay-go/belay/contrib/redis"
	"github.com/belay-go/belay/contrib/redis/goredis"
	belayrueidis "github.com/belay-go/belay/contrib/redis/rueidis"
	"github.com/belay-go/belay/limiter"
)

// stores are both clients of a server.
var stores = map[string]func(t *testing.T, addr string) belayredis.Store{
	"go-redis": client,
	"rueidis": func(t *testing.T, addr string) belayredis.Store {
		c, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{addr}, DisableRetry: true, DisableCache: true})
		require.NoError(t, err)
		t.Cleanup(c.Close)
		return belayrueidis.New(c)
	},
}

func bothLimits(t *testing.T, f belayredis.Fleet) (*belayredis.Rate, *belayredis.Semaphore) {
	return newRate(t, belayredis.RateOptions{Fleet: f, Limit: 1000, Burst: 100}),
		newSemaphore(t, belayredis.SemaphoreOptions{Fleet: f, Size: 100})
}

func TestAScriptThatIsLostIsSentAgain(t *testing.T) {
	s := serverOf(t)
	for name, store := range stores {
		f := fleetOf(store(t, s.addr))
		f.Key = name
		r, sem := bothLimits(t, f)
		for range 3 {
			require.NoError(t, s.client().ScriptFlush(t.Context()).Err())
			_, err := r.TryTake(1)
			require.NoError(t, err, name)
			p, err := sem.TryTake(1)
			require.NoError(t, err, name)
			p.Release()
		}
		require.Zero(t, r.State().Failures+sem.State().Failures)
	}
}

func TestAServerThatSwallowsEverythingIsMarkedDownAndComesBack(t *testing.T) {
	s := serverOf(t)
	for name, store := range stores {
		p := proxyTo(t, s.addr)
		f := belayredis.Fleet{Store: store(t, p.Addr().String()), Key: name, Members: 2, Probe: 100 * time.Millisecond, Logger: quiet}
		r, sem := bothLimits(t, f)
		p.swallows.Store(true)
		eventually(t, name+" down", func() bool {
			_, _ = r.TryTake(1)
			q, _ := sem.TryTake(1)
			q.Release()
			return r.State().Mode == belayredis.Local && sem.State().Mode == belayredis.Local
		})
		require.Error(t, r.State().LastErr, name)
		trips := r.State().Trips
		granted := 0
		for range 10_000 {
			if _, err := r.TryTake(1); err == nil {
				granted++
			}
		}
		require.Less(t, r.State().Trips-trips, uint64(1000), "verdicts don't wait")
		q, err := sem.TryTake(50)
		require.NoError(t, err, "the share")
		_, err = sem.TryTake(1)
		require.ErrorIs(t, err, limiter.ErrFull)
		q.Release()
		p.swallows.Store(false)
		eventually(t, name+" back", func() bool {
			_, _ = r.TryTake(1)
			q, _ := sem.TryTake(1)
			q.Release()
			return r.State().Mode == belayredis.Shared && sem.State().Mode == belayredis.Shared
		})
	}
}

// What others hold is not known to a Redis that has lost everything, until they
// have said so.
func TestWhatIsHeldSurvivesARedisThatForgets(t *testing.T) {
	s := serverOf(t)
	f := fleetOf(client(t, s.addr))
	f.MemberTTL = 600 * time.Millisecond
	o := belayredis.SemaphoreOptions{Fleet: f, Size: 10}
	a, b := newSemaphore(t, o), newSemaphore(t, o)
	p, err := a.TryTake(6)
	require.NoError(t, err)
	q, err := b.TryTake(4)
	require.NoError(t, err)
	require.NoError(t, s.client().FlushAll(t.Context()).Err())
	q.Release()
	eventually(t, "what b gave back", func() bool {
		got, err := b.TryTake(4)
		if err != nil {
			return false
		}
		defer got.Release()
		_, err = b.TryTake(3)
		require.ErrorIs(t, err, limiter.ErrFull, "a holds the rest")
		return true
	})
	p.Release()
	eventually(t, "everything", func() bool {
		got, err := b.TryTake(10)
		got.Release()
		return err == nil
	})
}

// A replica that is promoted has what the primary had, and not its scripts.
func TestAPromotedReplicaGoesOnWhereThePrimaryStopped(t *testing.T) {
	primary := serverOf(t, "--repl-diskless-sync-delay", "0")
	replica := serverOf(t, "--replicaof", "127.0.0.1 "+primary.port())
	link := replica.client()
	eventually(t, "a replica", func() bool {
		info, err := link.Info(t.Context(), "replication").Result()
		return err == nil && containsLine(info, "master_link_status:up")
	})
	var second atomic.Bool
	one, two := client(t, primary.addr), client(t, replica.addr)
	f := fleetOf(storeFunc(func(ctx context.Context, script *belayredis.Script, keys, args []string) ([]int64, error) {
		if second.Load() {
			return two.Eval(ctx, script, keys, args)
		}
		return one.Eval(ctx, script, keys, args)
	}))
	f.Probe, f.Timeout = 50*time.Millisecond, 2*time.Second
	r := newRate(t, belayredis.RateOptions{Fleet: f, Limit: 0.001, Burst: 10})
	sem := newSemaphore(t, belayredis.SemaphoreOptions{Fleet: f, Size: 10})
	_, err := r.TryTake(10)
	require.NoError(t, err)
	p, err := sem.TryTake(10)
	require.NoError(t, err)
	require.EqualValues(t, 1, primary.client().Wait(t.Context(), 1, patience).Val())

	second.Store(true) // the replica is not promoted yet, and refuses to be written to
	for range 3 {
		_, _ = r.TryTake(1)
		_, _ = sem.TryTake(1)
	}
	require.Equal(t, belayredis.Local, r.State().Mode)
	require.ErrorContains(t, r.State().LastErr, "READONLY")
	primary.kill()
	require.NoError(t, link.ReplicaOf(t.Context(), "NO", "ONE").Err())
	eventually(t, "the replica", func() bool {
		_, err = r.TryTake(1)
		require.Error(t, err)
		_, err = sem.TryTake(1)
		require.Error(t, err)
		return r.State().Mode == belayredis.Shared && sem.State().Mode == belayredis.Shared
	})
	p.Release()
	eventually(t, "units", func() bool {
		p, err := sem.TryTake(10)
		p.Release()
		return err == nil
	})
}

func containsLine(text, line string) bool {
	for len(text) > 0 {
		var head string
		if _, err := fmt.Sscanln(text, &head); err == nil && head == line {
			return true
		}
		i := 0
		for i < len(text) && text[i] != '\n' {
			i++
		}
		text = text[min(i+1, len(text)):]
	}
	return false
}

// In a cluster all keys of a script must be in one slot.
func TestAClusterRunsTheScriptsOfEveryKey(t *testing.T) {
	var nodes []*server
	for range 3 {
		nodes = append(nodes, serverOf(t, "--cluster-enabled", "yes"))
	}
	for i, n := range nodes {
		c := n.client()
		first := i * 16384 / 3
		require.NoError(t, c.ClusterAddSlotsRange(t.Context(), first, (i+1)*16384/3-1).Err())
		require.NoError(t, c.Do(t.Context(), "CLUSTER", "SET-CONFIG-EPOCH", i+1).Err())
	}
	for _, n := range nodes[1:] {
		require.NoError(t, nodes[0].client().ClusterMeet(t.Context(), "127.0.0.1", n.port()).Err())
	}
	for _, n := range nodes {
		eventually(t, "the cluster", func() bool {
			info, err := n.client().ClusterInfo(t.Context()).Result()
			return err == nil && containsLine(info, "cluster_state:ok") && containsLine(info, "cluster_slots_assigned:16384") &&
				containsLine(info, "cluster_known_nodes:3")
		})
	}
	c := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{nodes[0].addr}, ContextTimeoutEnabled: true})
	t.Cleanup(func() { _ = c.Close() })
	other, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{nodes[1].addr}, DisableCache: true})
	require.NoError(t, err)
	t.Cleanup(other.Close)
	stores := []belayredis.Store{goredis.New(c), belayrueidis.New(other)}
	for i := range 12 {
		f := fleetOf(stores[0])
		f.Key = fmt.Sprint("limit ", i)
		r, sem := bothLimits(t, f)
		f.Store = stores[1]
		s, tem := bothLimits(t, f)
		for _, l := range []limiter.Limiter{r, sem, s, tem} {
			_, err := l.TryTake(40)
			require.NoError(t, err)
		}
		_, err := tem.TryTake(40)
		require.ErrorIs(t, err, limiter.ErrFull)
		require.Equal(t, 2, tem.State().Members)
		require.Equal(t, 2, s.State().Members)
	}
	used := 0
	for _, n := range nodes {
		size, err := n.client().DBSize(t.Context()).Result()
		require.NoError(t, err)
		if size > 0 {
			used++
		}
	}
	require.Equal(t, 3, used)
}

// The verdicts of the server are those of the one inside of the test.
func TestARealServerCountsAsTheEmbeddedOne(t *testing.T) {
	s := serverOf(t)
	for name, store := range stores {
		f := fleetOf(store(t, s.addr))
		f.Key = name
		r := newRate(t, belayredis.RateOptions{Fleet: f, Limit: 1e-3, Burst: 50})
		granted := 0
		var mu sync.Mutex
		var all sync.WaitGroup
		for range 64 {
			all.Go(func() {
				for range 5 {
					if _, err := r.TryTake(1); err == nil {
						mu.Lock()
						granted++
						mu.Unlock()
					}
				}
			})
		}
		all.Wait()
		require.Equal(t, 50, granted)
		var refused *limiter.RefusedError
		_, err := r.TryTake(1)
		require.ErrorAs(t, err, &refused)
		require.InDelta(t, 1000, refused.RetryAfter.Seconds(), 60)
	}
}

func TestAdaptersRefuseWhatWouldNotWork(t *testing.T) {
	require.PanicsWithValue(t, "goredis: a nil client", func() { goredis.New(nil) })
	require.PanicsWithValue(t, "rueidis: a nil client", func() { belayrueidis.New(nil) })
	const needs = "goredis: the client needs ContextTimeoutEnabled"
	one := redis.NewClient(&redis.Options{})
	defer one.Close()
	require.PanicsWithValue(t, needs, func() { goredis.New(one) })
	many := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{"127.0.0.1:1"}})
	defer many.Close()
	require.PanicsWithValue(t, needs, func() { goredis.New(many) })
	ring := redis.NewRing(&redis.RingOptions{})
	defer ring.Close()
	require.PanicsWithValue(t, needs, func() { goredis.New(ring) })
}
