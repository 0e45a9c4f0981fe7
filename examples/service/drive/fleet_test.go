package drive

// Waves of load on small servers in this process.

import (
	"context"
	"math"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// newTestService serves what the load asks for, and counts http into asked.
func newTestService(t *testing.T, asked *atomic.Int64, h http.HandlerFunc) addresses {
	mux := http.NewServeMux()
	count := func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		h(w, r)
	}
	mux.HandleFunc("POST /echo", count)
	mux.HandleFunc("GET /slow", count)
	return addresses{http: newH2CServer(t, mux.ServeHTTP), grpc: newFilesServer(t, none)}
}

// work answers a request of the load.
func work(w http.ResponseWriter, r *http.Request) {
	if r.Method == "GET" {
		w.Write([]byte("slept " + r.FormValue("d") + "\n"))
		return
	}
	echo(w, r)
}

func newTestFleet(t *testing.T, a addresses) *fleet {
	f := newFleet(a, testSample)
	t.Cleanup(f.close)
	return f
}

func TestAWaveCountsExactlyWhatTheServerAnswered(t *testing.T) {
	var asked atomic.Int64
	f := newTestFleet(t, newTestService(t, &asked, work))
	const each = 4
	for waves := int64(1); waves <= 2; waves++ {
		perHTTP := 0
		for p, tally := range f.wave(testContext(t), each) {
			require.Equal(t, each*(connections+spare), tally.outcomes[answered], "%v: %v", protocol(p), tally.details)
			require.Empty(t, tally.details)
			require.NotZero(t, tally.last)
			if protocol(p) <= overH2C {
				perHTTP += tally.outcomes[answered]
			}
		}
		require.EqualValues(t, waves*int64(perHTTP), asked.Load())
	}
	require.Zero(t, f.flying())
}

func TestEveryWorkerEndsAtItsFirstRefusal(t *testing.T) {
	a := addresses{http: closedAddr(t), grpc: closedAddr(t)}
	f := newTestFleet(t, a)
	for p, tally := range f.wave(testContext(t), math.MaxInt) {
		require.Equal(t, connections+spare, tally.outcomes[refused], "%v", protocol(p))
		require.Zero(t, tally.outcomes[answered]+tally.outcomes[lost])
	}
	for _, tally := range f.wave(testContext(t), math.MaxInt) {
		require.Zero(t, tally.outcomes, "a refused worker makes no more load")
	}
}

func TestALoadHasARequestInFlightOnEveryConnection(t *testing.T) {
	var asked atomic.Int64
	held := make(chan struct{})
	a := newTestService(t, &asked, func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-held:
		case <-r.Context().Done():
		}
		work(w, r)
	})
	f := newTestFleet(t, a)
	ctx, cancel := context.WithCancel(testContext(t))
	defer cancel()
	done := make(chan tallies)
	go func() { done <- f.wave(ctx, math.MaxInt) }() // ends with ctx
	require.GreaterOrEqual(t, f.awaitFlying(ctx, connections), connections)
	close(held)
	cancel()
	<-done
	require.Zero(t, f.flying())
}

func TestARequestCutByTheServerIsCountedOnItsProtocol(t *testing.T) {
	var asked, cuts atomic.Int64
	a := newTestService(t, &asked, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "GET" {
			cuts.Add(1)
			panic(http.ErrAbortHandler)
		}
		echo(w, r)
	})
	f := newTestFleet(t, a)
	tallies := f.wave(testContext(t), 3)
	require.NotZero(t, cuts.Load())
	require.EqualValues(t, cuts.Load(), tallies[keepAlive].outcomes[lost]+tallies[oneShot].outcomes[lost])
	require.Zero(t, tallies[overH2C].outcomes[lost])
	require.Len(t, tallies[keepAlive].details, maxDetails)
}

func TestAStallIsTheLongestTimeBetweenTwoAnswersOfOneWorker(t *testing.T) {
	var a, b, all tally
	at := func(ms int) time.Time { return time.UnixMilli(int64(ms)) }
	for _, ms := range []int{100, 110, 150} {
		a.add(keepAlive, result{outcome: answered}, at(ms))
	}
	a.add(keepAlive, result{outcome: refused}, at(900))
	b.add(overH2C, result{outcome: answered}, at(500))
	b.add(overH2C, result{outcome: lost}, at(510))
	b.add(overH2C, result{outcome: answered}, at(530))
	all.merge(a)
	all.merge(b)
	require.Equal(t, 40*time.Millisecond, all.stall)
	require.Equal(t, at(530), all.last)
	require.Equal(t, 5, all.outcomes[answered])
	require.Equal(t, 1, all.outcomes[lost])
	require.Equal(t, 1, all.outcomes[refused])
	require.Len(t, all.details, 1)
}
