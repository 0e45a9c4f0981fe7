package graceful_test

// What observers are told, and when.

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/graceful"
)

// Spans of a start can't wait for the end of the process.
func ExampleManager_Observe() {
	m := graceful.New(examples)
	m.Add(0, graceful.Component{Name: "db", Start: func(context.Context) error { return nil }})
	m.Observe(func(rep graceful.Report) {
		fmt.Println(rep.State)
		if rep.State == "ready" {
			m.Stop(nil)
		}
	})
	_, _ = m.Run(context.Background())
	// Output:
	// starting
	// ready
	// pre-stop
	// stopping
	// done
}

func TestObserversSeeEveryStateThatLastsAndTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seconds := func(n time.Duration) func(context.Context) error {
			return func(context.Context) error { time.Sleep(n * time.Second); return nil }
		}
		m := graceful.New(quietly())
		m.Add(1, graceful.Component{Name: "db", Start: seconds(2), Stop: seconds(3)})
		m.Add(2, graceful.Component{Name: "cache", Start: seconds(1), PreStop: seconds(4), Stop: seconds(5)})
		began := time.Now()
		var seen []string
		var last graceful.Report
		m.Observe(func(rep graceful.Report) {
			last = rep
			seen = append(seen, fmt.Sprint(time.Since(began), " ", rep.State))
			rep.Components[0].Name = "somebody else's" // each has a copy
		})
		others := 0
		m.Observe(func(rep graceful.Report) {
			others++
			require.Equal(t, "cache", rep.Components[0].Name)
		})
		go func() { // ends after ten seconds
			time.Sleep(10 * time.Second)
			m.Stop(errMade)
		}()
		rep, err := m.Run(t.Context())
		require.NoError(t, err)
		require.Equal(t, []string{"0s starting", "3s ready", "10s pre-stop", "14s stopping", "22s done"}, seen)
		require.Equal(t, 5, others)
		rep.Components[0].Name = "somebody else's"
		require.Equal(t, rep, last)

		require.True(t, rep.Began.Equal(began))
		db, cache := rep.Components[1], rep.Components[0]
		require.Equal(t, []time.Duration{0, 2 * time.Second, 22 * time.Second}, []time.Duration{db.Launched.Sub(began), db.Up.Sub(began), db.Since.Sub(began)})
		require.Equal(t, []time.Duration{2 * time.Second, 3 * time.Second, 19 * time.Second}, []time.Duration{cache.Launched.Sub(began), cache.Up.Sub(began), cache.Since.Sub(began)})
	})
}

func TestObserversHearOfAStartThatFails(t *testing.T) {
	m := graceful.New(quietly())
	m.Add(1, graceful.Component{Name: "bad", Start: func(context.Context) error { return errMade }})
	m.Add(2, worker("never"))
	var last graceful.Report
	m.Observe(func(rep graceful.Report) { last = rep })
	_, err := m.Run(t.Context())
	require.ErrorIs(t, err, errMade)
	require.Equal(t, "done", last.State)
	require.False(t, last.Ready)
	require.Zero(t, last.Components[0].Launched)
	require.NotZero(t, last.Components[1].Launched)
	require.Zero(t, last.Components[1].Up)
}

func TestARestartThatIsRefusedIsObservedAndListed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := graceful.New(quietly())
		m.Add(0, worker("c"))
		calls := 0
		var last graceful.Report
		m.Observe(func(rep graceful.Report) { calls, last = calls+1, rep })
		ended := make(chan struct{})
		go func() { // ends with the stop below
			defer close(ended)
			_, _ = m.Run(context.Background())
		}()
		synctest.Wait()
		for n := 1; n <= 10; n++ {
			before := calls
			time.Sleep(time.Second)
			require.Error(t, m.Restart(t.Context()))
			synctest.Wait()
			require.Equal(t, before+1, calls)
			require.Equal(t, n, last.RestartsTried)
			require.Equal(t, n, last.RestartsFailed)
			require.Len(t, last.Restarts, min(n, 8))
			res := last.Restarts[len(last.Restarts)-1]
			require.ErrorContains(t, res.Err, "not enabled")
			require.Equal(t, "failed", res.Outcome)
			require.Equal(t, "restart", res.Name)
			require.True(t, res.Launched.Equal(time.Now()))
			require.Zero(t, res.Up)
			require.Zero(t, res.Used)
		}
		require.True(t, last.Restarts[0].Launched.Before(last.Restarts[7].Launched))
		done, cancel := context.WithCancel(t.Context())
		cancel()
		require.Error(t, m.Restart(done))
		require.Equal(t, 10, m.Report().RestartsTried, "nobody asked")
		m.Stop(nil)
		<-ended
	})
}

func TestObserveTakesNoNilAndNobodyWhoComesLate(t *testing.T) {
	m := graceful.New(quietly())
	require.PanicsWithValue(t, "graceful: Observe with a nil func", func() { m.Observe(nil) })
	_, stop := runUntilReady(t, quietly(), func(late *graceful.Manager) { m = late; m.Add(0, worker("c")) })
	require.PanicsWithValue(t, "graceful: Observe after Run", func() { m.Observe(func(graceful.Report) {}) })
	_, err := stop()
	require.NoError(t, err)
}
