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
			wait, ok := c.allow(name)
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
		_, ok := c.allow(fmt.Sprint(i))
		require.True(t, ok)
		require.LessOrEqual(t, len(c.mu.young)+len(c.mu.old), 2*generation)
	}
}

func TestAClientThatStaysKeepsItsBucket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClients(1)
		_, ok := c.allow("stays")
		require.True(t, ok)
		for i := range 5 * generation {
			c.allow(fmt.Sprint(i))
			if i%100 == 0 {
				_, ok := c.allow("stays")
				require.False(t, ok, "after %d others", i)
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
	release, err := l.admit(t.Context(), "c")
	require.NoError(t, err)
	release()
}

func TestWhoWaitsIsServedWhenThereIsRoomInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimits(settings{rate: 1000, concurrency: 1})
		release, err := l.admit(t.Context(), "c")
		require.NoError(t, err)
		time.AfterFunc(queueTime/2, release)
		release, err = l.admit(t.Context(), "c")
		require.NoError(t, err)
		start := time.Now()
		_, err = l.admit(t.Context(), "c")
		require.ErrorIs(t, err, errBusy)
		require.Equal(t, queueTime, time.Since(start))
		release()
	})
}

func TestAChangeOfLimitsLeavesRequestsInFlightAlone(t *testing.T) {
	l := newLimits(settings{rate: 1000, concurrency: 1})
	first, err := l.admit(t.Context(), "c")
	require.NoError(t, err)
	l.set(settings{rate: 1000, concurrency: 1})
	second, err := l.admit(t.Context(), "c")
	require.NoError(t, err, "the new limit is free")
	first()
	second()
	third, err := l.admit(t.Context(), "c")
	require.NoError(t, err)
	third()
}

func TestClientsAreToldApartByAddressWithoutPort(t *testing.T) {
	for remote, want := range map[string]string{
		"192.0.2.1:1234": "192.0.2.1", "[2001:db8::1]:80": "2001:db8::1", "@": "@", "": "",
	} {
		require.Equal(t, want, clientOf(remote))
	}
}

func TestShedRequestsAndFaultsAreToldApart(t *testing.T) {
	require.True(t, wasShed(&tooFast{}) && wasShed(fmt.Errorf("x: %w", errBusy)))
	require.False(t, wasShed(nil) || wasShed(context.Canceled))
	require.True(t, wasFault(errors.New("unknown")))
	require.False(t, wasFault(nil) || wasFault(errBusy) || wasFault(context.Canceled))
}
