package main

// Admission: what is taken is given back, and memory for clients is bounded.

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/limiter"
)

func TestEachClientHasItsOwnRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClients(3)
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
			permit, err := c.of(name).TryTake(1)
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

func TestAnyNumberOfClientsFitsInBoundedMemory(t *testing.T) {
	c := newClients(1)
	for i := range 10 * generation {
		require.True(t, c.of(fmt.Sprint(i)).Allow())
		require.LessOrEqual(t, len(c.mu.young)+len(c.mu.old), 2*generation)
	}
}

func TestAClientThatStaysKeepsItsBucket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClients(1)
		require.True(t, c.of("stays").Allow())
		for i := range 5 * generation {
			c.of(fmt.Sprint(i)).Allow()
			if i%100 == 0 {
				require.False(t, c.of("stays").Allow(), "after %d others", i)
			}
		}
	})
}

func TestADoneContextIsNotAdmittedAndTakesNoPlace(t *testing.T) {
	l := newLimits(settings{rate: 1000, concurrency: 1})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := l.admit(ctx, "c")
	require.ErrorIs(t, err, context.Canceled)
	permit, err := l.admit(t.Context(), "c")
	require.NoError(t, err)
	permit.Release()
}

func TestWhoWaitsIsServedWhenThereIsRoomInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimits(settings{rate: 1000, concurrency: 1})
		permit, err := l.admit(t.Context(), "c")
		require.NoError(t, err)
		time.AfterFunc(queueTime/2, permit.Release)
		permit, err = l.admit(t.Context(), "c")
		require.NoError(t, err)
		start := time.Now()
		_, err = l.admit(t.Context(), "c")
		require.ErrorIs(t, err, errBusy)
		require.Equal(t, queueTime, time.Since(start))
		permit.Release()
	})
}

func TestAChangeOfLimitsLeavesRequestsInFlightAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimits(settings{rate: 1000, concurrency: 1})
		first, err := l.admit(t.Context(), "c")
		require.NoError(t, err)
		time.AfterFunc(queueTime/2, func() { l.set(settings{rate: 1000, concurrency: 2}) })
		second, err := l.admit(t.Context(), "c")
		require.NoError(t, err, "who waits gets what the change makes room for")
		l.set(settings{rate: 1000, concurrency: 1})
		first.Release()
		_, err = l.admit(t.Context(), "c")
		require.ErrorIs(t, err, errBusy, "the other one still holds the only place")
		second.Release()
		third, err := l.admit(t.Context(), "c")
		require.NoError(t, err)
		third.Release()
	})
}

// Both may have been counted twice or not at all when they moved on.
func TestWhatClientsAreCountedForSurvivesTheirBuckets(t *testing.T) {
	c := newClients(1)
	const n = 3 * generation
	for i := range n {
		name := fmt.Sprint(i)
		c.of(name).Allow()
		c.of(name).Allow()
		c.of("0").Allow()
	}
	stats := c.stats()
	require.EqualValues(t, 3*n, stats.Total+stats.Refused)
	require.GreaterOrEqual(t, stats.Total, uint64(n))
}

func TestClientsAreToldApartByAddressWithoutPort(t *testing.T) {
	for remote, want := range map[string]string{
		"192.0.2.1:1234": "192.0.2.1", "[2001:db8::1]:80": "2001:db8::1", "@": "@", "": "",
	} {
		require.Equal(t, want, clientOf(remote))
	}
}

func TestShedRequestsAndFaultsAreToldApart(t *testing.T) {
	require.True(t, wasShed(&limiter.RefusedError{Reason: limiter.ErrLimited}) && wasShed(fmt.Errorf("x: %w", errBusy)))
	require.False(t, wasShed(nil) || wasShed(context.Canceled))
	require.True(t, wasFault(errors.New("unknown")))
	require.False(t, wasFault(nil) || wasFault(errBusy) || wasFault(context.Canceled))
}
