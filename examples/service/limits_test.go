package main

// Admission: what is taken is given back, and memory for clients is bounded.

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/peer"

	"github.com/belay-go/belay/contrib/grpc"
	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/httplimit"
)

func TestEachClientHasItsOwnRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClientRates(3)
		// The model: a full bucket of three, one token back per 1/3 s.
		tokens := map[string]float64{}
		last := time.Now()
		for range 10_000 {
			step := time.Duration(rand.N(int64(200 * time.Millisecond)))
			time.Sleep(step)
			for name := range tokens {
				tokens[name] = min(3, tokens[name]+time.Since(last).Seconds()*3)
			}
			last = time.Now()
			name := fmt.Sprint(rand.N(5))
			have, seen := tokens[name]
			if !seen {
				have = 3
			}
			permit, err := c.For(name).TryTake(1)
			permit.Release()
			ok, wait := err == nil, time.Duration(0)
			if !ok {
				var refused *limiter.RefusedError
				require.ErrorAs(t, err, &refused)
				wait = refused.RetryAfter
			}
			if have > 0.999 && have < 1.001 { // too close for two ways to round
				require.Less(t, wait, 10*time.Millisecond)
			} else {
				require.Equal(t, have >= 1, ok, "%v tokens", have)
			}
			if ok {
				have--
			} else {
				require.InDelta(t, (1-have)/3, wait.Seconds(), 0.001)
			}
			tokens[name] = have
		}
	})
}

// Ten times as many addresses as there is room for, all at once.
func TestAFloodOfAddressesForgivesNobodyAndIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // so that no time passes
		l := newLimits(settings{rate: 1, concurrency: 1})
		require.NoError(t, ask(l, "stays"))
		for i := range 10 * busyClients {
			_ = ask(l, fmt.Sprint(i))
			if i%1000 == 0 {
				require.ErrorIs(t, ask(l, "stays"), limiter.ErrLimited, "after %d others", i)
			}
		}
		over := l.clients.Load().Overflow()
		require.EqualValues(t, newClients, over.Total)
		require.Greater(t, over.Refused, uint64(8*busyClients))

		time.Sleep(time.Second)
		require.NoError(t, ask(l, "stays"))
		require.NoError(t, ask(l, "comes now"))
	})
}

func ask(l *limits, client string) error {
	_, err := l.client(client).TryTake(1)
	return err
}

func TestAReloadForgivesNobodyUnlessTheRateIsAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimits(settings{rate: 1, concurrency: 1})
		require.NoError(t, ask(l, "c"))
		l.set(settings{rate: 1, concurrency: 2})
		require.ErrorIs(t, ask(l, "c"), limiter.ErrLimited)
		l.set(settings{rate: 2, concurrency: 2})
		require.NoError(t, ask(l, "c"))
		require.NoError(t, ask(l, "c"))
		require.ErrorIs(t, ask(l, "c"), limiter.ErrLimited)
	})
}

// admit lets one call within the bound in, as grpc's interceptor does, and returns
// what ends it.
func admit(ctx context.Context, l *limits) (end func(), err error) {
	var c call
	ctx = context.WithValue(ctx, callKey{}, &c)
	in, out, over := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() { // ends with the call
		defer close(over)
		_, _ = bound(l.whole).UnaryServer(ctx, nil, &grpc.UnaryServerInfo{}, func(context.Context, any) (any, error) {
			close(in)
			<-out
			return nil, nil
		})
	}()
	select {
	case <-in:
		return func() { close(out); <-over }, nil
	case <-over:
		return nil, c.err
	}
}

func TestADoneContextIsNotAdmittedAndTakesNoPlace(t *testing.T) {
	l := newLimits(settings{rate: 1000, concurrency: 1})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := admit(ctx, l)
	require.ErrorIs(t, err, context.Canceled)
	end, err := admit(t.Context(), l)
	require.NoError(t, err)
	end()
}

func TestWhoWaitsIsServedWhenThereIsRoomInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimits(settings{rate: 1000, concurrency: 1})
		end, err := admit(t.Context(), l)
		require.NoError(t, err)
		time.AfterFunc(queueTime/2, end)
		end, err = admit(t.Context(), l)
		require.NoError(t, err)
		start := time.Now()
		_, err = admit(t.Context(), l)
		require.ErrorIs(t, err, errBusy)
		require.Equal(t, queueTime, time.Since(start))
		end()
	})
}

func TestAChangeOfLimitsLeavesRequestsInFlightAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimits(settings{rate: 1000, concurrency: 1})
		first, err := admit(t.Context(), l)
		require.NoError(t, err)
		time.AfterFunc(queueTime/2, func() { l.set(settings{rate: 1000, concurrency: 2}) })
		second, err := admit(t.Context(), l)
		require.NoError(t, err, "who waits gets what the change makes room for")
		l.set(settings{rate: 1000, concurrency: 1})
		first()
		_, err = admit(t.Context(), l)
		require.ErrorIs(t, err, errBusy, "the other one still holds the only place")
		second()
		third, err := admit(t.Context(), l)
		require.NoError(t, err)
		third()
	})
}

func TestAClientIsTheSameOverBothProtocols(t *testing.T) {
	for remote, want := range map[string]string{
		"192.0.2.1:1234": "192.0.2.1", "[2001:db8::1]:80": "2001:db8::/64", "[::ffff:192.0.2.1]:1": "192.0.2.1", "@": "@", "": "",
	} {
		ctx := peer.NewContext(t.Context(), &peer.Peer{Addr: remoteAddr(remote)})
		require.Equal(t, want, belaygrpc.ByPeer(ctx, belaygrpc.Call{}))
		require.Equal(t, want, httplimit.ByAddr(&http.Request{RemoteAddr: remote}))
	}
}

// remoteAddr is that of a peer.
type remoteAddr string

func (remoteAddr) Network() string  { return "tcp" }
func (a remoteAddr) String() string { return string(a) }

func TestShedRequestsAndFaultsAreToldApart(t *testing.T) {
	require.True(t, wasShed(&limiter.RefusedError{Reason: limiter.ErrLimited}) && wasShed(fmt.Errorf("x: %w", errBusy)))
	require.False(t, wasShed(nil) || wasShed(context.Canceled))
	require.True(t, wasFault(errors.New("unknown")))
	require.False(t, wasFault(nil) || wasFault(errBusy) || wasFault(context.Canceled))
}
