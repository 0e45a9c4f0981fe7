package graceful_test

// The report of a manager that is not done: what it says of every moment.

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/graceful"
)

// lives is what a live report says of its components: "name outcome age", and
// for one that is stopping "used/planned".
func lives(rep graceful.Report) (got []string) {
	for _, c := range rep.Components {
		text := c.Name + " " + c.Outcome
		if !c.Since.IsZero() {
			text += fmt.Sprint(" ", time.Since(c.Since))
		}
		if c.Used != 0 || c.Planned != 0 {
			text += fmt.Sprintf(" %v/%v", c.Used, c.Planned)
		}
		got = append(got, text)
	}
	return got
}

func TestALiveReportFollowsEveryComponentThroughItsLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opts := quietly()
		opts.Budget, opts.Delay = time.Minute, time.Second
		m := graceful.New(opts)
		seconds := func(n time.Duration) func(context.Context) error {
			return func(context.Context) error { time.Sleep(n * time.Second); return nil }
		}
		limited := graceful.Func("limited", func(ctx context.Context, ready func()) error {
			ready()
			time.Sleep(time.Second)
			ready() // changes nothing
			<-ctx.Done()
			return nil
		})
		limited.Limit, limited.PreStop = 20*time.Second, seconds(2)
		limited.Stop = seconds(4)
		job := graceful.Func("job", func(_ context.Context, ready func()) error { ready(); time.Sleep(time.Second); return nil })
		job.MayEnd = true
		m.Add(1, graceful.Component{Name: "db", Start: seconds(2), Stop: seconds(1)}, job)
		m.Add(2, limited, graceful.Component{
			Name:    "bad",
			PreStop: func(context.Context) error { return nil }, // over at once
			Stop:    func(context.Context) error { return errMade },
		})
		look := func() (string, []string) { rep := m.Report(); return rep.State, lives(rep) }

		rep := m.Report()
		require.Equal(t, "new", rep.State)
		require.Zero(t, rep.Since)
		require.Equal(t, []string{"limited never started", "bad never started", "db never started", "job never started"}, lives(rep))
		require.Equal(t, 20*time.Second, rep.Components[0].Limit)
		require.Equal(t, time.Minute, rep.Budget)
		require.Equal(t, time.Second, rep.Delay)
		require.Equal(t, 5950*time.Millisecond, rep.Reserve) // a tenth of 59.5 s
		require.Zero(t, rep.Ran)

		type result struct {
			report graceful.Report
			err    error
		}
		done := make(chan result)
		go func() { // ends with Run
			report, err := m.Run(t.Context())
			done <- result{report, err}
		}()
		time.Sleep(1500 * time.Millisecond)
		synctest.Wait()
		state, got := look()
		require.Equal(t, "starting", state)
		require.Equal(t, []string{"limited never started", "bad never started", "db starting 1.5s", "job ended 500ms"}, got)

		time.Sleep(time.Minute)
		synctest.Wait()
		rep = m.Report()
		require.Equal(t, "ready", rep.State)
		require.Equal(t, 59500*time.Millisecond, time.Since(rep.Since))
		require.Equal(t, 61500*time.Millisecond, rep.Ran)
		require.Zero(t, rep.Took)
		require.NoError(t, rep.Cause)
		require.True(t, rep.Ready)
		require.Zero(t, rep.ExitCode())
		require.Equal(t, []string{"limited up 59.5s", "bad up 59.5s", "db up 59.5s", "job ended 1m0.5s"}, lives(rep))

		m.Stop(errMade)
		time.Sleep(time.Second)
		synctest.Wait()
		rep = m.Report()
		require.Equal(t, "pre-stop", rep.State)
		require.Equal(t, errMade, rep.Cause)
		require.Equal(t, time.Second, rep.Took)
		require.Equal(t, 61500*time.Millisecond, rep.Ran)
		require.True(t, rep.Ready)
		require.Equal(t, []string{"limited pre-stop 1s 1s/0s", "bad up 1m0.5s", "db up 1m0.5s", "job ended 1m1.5s"}, lives(rep))

		time.Sleep(3 * time.Second)
		synctest.Wait()
		state, got = look()
		require.Equal(t, "stopping", state)
		require.Equal(t, []string{"limited stopping 2s 2s/20s", "bad failed 2s 0s/51.45s", "db up 1m3.5s", "job ended 1m4.5s"}, got)
		require.Equal(t, 1, m.Report().ExitCode())

		r := <-done
		require.ErrorIs(t, r.err, errMade)
		require.Equal(t, "done", r.report.State)
		require.Equal(t, r.report, m.Report())
		require.Equal(t, []string{"limited stopped 1s 4s/20s", "bad failed 5s 0s/51.45s", "db stopped 0s 1s/53.4s", "job stopped 1s 0s/53.4s"}, lives(r.report))
		again := m.Report()
		again.Components[0].Name = "changed"
		require.Equal(t, "limited", m.Report().Components[0].Name)
	})
}

func TestALiveReportTellsAFailureBeforeTheStopComesToIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := graceful.New(quietly())
		m.Add(1, graceful.Func("broken", func(_ context.Context, ready func()) error {
			ready()
			time.Sleep(time.Second)
			return errMade
		}))
		m.Add(2, graceful.Component{Name: "slow", Stop: func(context.Context) error { time.Sleep(time.Hour); return nil }})
		go m.Run(t.Context()) // ends after an hour
		time.Sleep(2 * time.Second)
		synctest.Wait()
		rep := m.Report()
		require.Equal(t, []string{"slow stopping 1s 1s/-1ns", "broken failed 1s"}, lives(rep))
		require.ErrorIs(t, rep.Components[1].Err, errMade)
		require.Equal(t, 1, rep.ExitCode())
		time.Sleep(2 * time.Hour)
	})
}

// A start that obeys the stop has opened nothing, and its Run is never called.
func TestALiveReportOfAStopWhileStarting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := graceful.New(quietly())
		m.Add(1,
			graceful.Component{Name: "obeys", Start: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }},
			graceful.Component{
				Name:    "hangs",
				PreStop: func(context.Context) error { time.Sleep(2 * time.Second); return nil },
				Stop:    func(context.Context) error { time.Sleep(time.Hour); return nil },
			},
			graceful.Component{
				Name:  "opened",
				Start: func(ctx context.Context) error { <-ctx.Done(); return nil },
				Run:   func(context.Context, func()) error { panic("called") },
				PreStop: func(context.Context) error {
					panic("called")
				},
			})
		m.Add(2, worker("above"))
		go m.Run(t.Context()) // ends after an hour
		synctest.Wait()
		require.Equal(t, []string{"above never started", "obeys starting 0s", "hangs up 0s", "opened starting 0s"}, lives(m.Report()))
		m.Stop(nil)
		time.Sleep(time.Second)
		synctest.Wait()
		require.Equal(t, []string{"above never started", "obeys never started 1s", "hangs pre-stop 1s 1s/0s", "opened ended 1s"}, lives(m.Report()))
		time.Sleep(2 * time.Second)
		synctest.Wait()
		require.Equal(t, []string{"above never started", "obeys never started 1s 0s/-1ns", "hangs stopping 1s 1s/-1ns", "opened stopped 1s 0s/-1ns"}, lives(m.Report()))
		require.False(t, m.Report().Ready)
		time.Sleep(2 * time.Hour)
		require.Equal(t, "never started", outcomes(m.Report())["obeys"])
	})
}

func TestALiveReportPrintsAsATableToo(t *testing.T) {
	rep := graceful.Report{
		State: "stopping", Cause: errMade, Ran: time.Minute, Took: 3 * time.Second, Budget: 25 * time.Second,
		Components: []graceful.Result{
			{Name: "http", Phase: 2, Outcome: "stopped", Planned: 20 * time.Second, Used: 51 * time.Millisecond},
			{Name: "consumer", Phase: 1, Outcome: "stopping", Planned: 20 * time.Second, Used: 2 * time.Second, Where: "chan send, 1 goroutine, main.f f.go:1"},
			{Name: "lease", Phase: 0, Outcome: "pre-stop", Used: time.Second},
			{Name: "db", Phase: 0, Outcome: "up"},
		},
	}
	require.Equal(t, strings.Join([]string{
		"stopping after 60.0 s: made to fail; for 3.0 s of 25.0 s",
		"  http      stopped   51 ms of 20.0 s  phase 2",
		"  consumer  stopping  2.0 s of 20.0 s  phase 1",
		"      chan send, 1 goroutine, main.f f.go:1",
		"  lease     pre-stop  1.0 s            phase 0",
		"  db        up                         phase 0",
	}, "\n"), rep.String())
	require.Equal(t, "ready after 60.0 s", graceful.Report{State: "ready", Ran: time.Minute, Budget: time.Second}.String())
}

// The goroutine that hangs is told without asking from the first quarter on,
// and at any time by a look.
func TestALiveReportSaysWhereAComponentHangs(t *testing.T) {
	cage := make(chan int)
	var last sync.Once
	release := func() { last.Do(func() { close(cage) }) }
	defer release()
	m, stop := runUntilReady(t, quietlyWithin(4*time.Second), func(m *graceful.Manager) {
		m.Add(1, graceful.Func("hangs", func(_ context.Context, ready func()) error {
			ready()
			<-cage
			return nil
		}), worker("well"))
	})
	require.Eventually(t, func() bool { // both have come to rest
		all := m.Inspect().Components
		return strings.HasPrefix(all[0].Where, "chan receive") && strings.HasPrefix(all[1].Where, "chan receive")
	}, patience, time.Millisecond)
	looks := graceful.Looks(m)
	for range 10 {
		require.Empty(t, m.Report().Components[0].Where)
	}
	require.Equal(t, looks, graceful.Looks(m), "a report took a profile")
	rep := m.Inspect()
	require.Equal(t, looks+1, graceful.Looks(m))
	require.Contains(t, rep.Components[0].Where, "chan receive, 1 goroutine, graceful_test.TestALiveReportSaysWhereAComponentHangs")
	require.Contains(t, rep.Components[0].Stacks, "live_test.go:")
	require.Contains(t, rep.Components[1].Where, "manager_test.go:")

	m.Stop(nil)
	require.Eventually(t, func() bool { return m.Report().Components[0].Where != "" }, patience, 5*time.Millisecond)
	rep = m.Report()
	require.Equal(t, "stopping", rep.Components[0].Outcome)
	require.Contains(t, rep.Components[0].Where, "chan receive, 1 goroutine")
	require.Less(t, rep.Components[0].Used, rep.Components[0].Planned)
	require.Empty(t, rep.Components[1].Where, "it has stopped")
	release()
	rep, err := stop()
	require.NoError(t, err)
	require.Equal(t, "stopped", rep.Components[0].Outcome)
	looks = graceful.Looks(m)
	require.Equal(t, rep, m.Inspect())
	require.Equal(t, looks, graceful.Looks(m), "there is nothing to look at")
}

// What was seen of one thing that takes long is not told of the next.
func TestALiveReportForgetsWhereAComponentWasBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opts := quietly()
		opts.Budget = time.Minute
		m := graceful.New(opts)
		long := func(context.Context) error { time.Sleep(16 * time.Second); return nil }
		m.Add(1, graceful.Component{Name: "slow", Start: long, PreStop: long, Stop: long})
		at := func(d time.Duration) string {
			time.Sleep(d)
			synctest.Wait()
			c := m.Report().Components[0]
			wait, _, _ := strings.Cut(c.Where, ",")
			return c.Outcome + " " + wait
		}
		go m.Run(t.Context()) // ends with the stop
		require.Equal(t, "starting ", at(9*time.Second))
		require.Equal(t, "starting sleep", at(2*time.Second))
		require.Equal(t, "up ", at(6*time.Second))
		m.Stop(nil)
		require.Equal(t, "pre-stop ", at(time.Second))
		require.Equal(t, "pre-stop sleep", at(14500*time.Millisecond))
		require.Equal(t, "stopping ", at(time.Second))
		require.Equal(t, "stopping sleep", at(14*time.Second))
		require.Equal(t, "stopped ", at(10*time.Second))
	})
}

func TestConnectionsAreListedByTheirState(t *testing.T) {
	mux := handler()
	var m *graceful.Manager
	m, stop := runUntilReady(t, quietly(), func(m *graceful.Manager) {
		m.Add(1, graceful.HTTP("web", "127.0.0.1:0", &http.Server{Handler: mux}), worker("none"))
		m.Add(2, graceful.HTTP("other", "127.0.0.1:0", &http.Server{Handler: mux}))
	})
	require.Empty(t, m.Conns())
	addr := m.Addr("web").String()
	states := func() (got []string) {
		for _, c := range m.Conns() {
			got = append(got, c.Component+" "+c.State)
		}
		slices.Sort(got)
		return got
	}
	conns := map[string]string{"new": dial(t, addr).LocalAddr().String()}
	ask := func(state, addr, request string) {
		c := dial(t, addr)
		conns[state] = c.LocalAddr().String()
		_, err := io.WriteString(c, request)
		require.NoError(t, err)
	}
	ask("active", addr, "GET /events HTTP/1.1\r\nHost: h\r\n\r\n")
	ask("idle", addr, "GET /slow?d=1ms HTTP/1.1\r\nHost: h\r\n\r\n")
	ask("hijacked", addr, "GET /hijack?polite=1 HTTP/1.1\r\nHost: h\r\n\r\n")
	ask("other", m.Addr("other").String(), "GET /events HTTP/1.1\r\nHost: h\r\n\r\n")
	want := []string{"other active", "web active", "web hijacked", "web idle", "web new"}
	require.Eventually(t, func() bool { return slices.Equal(want, states()) }, patience, time.Millisecond)
	all := m.Conns()
	require.Equal(t, "other", all[0].Component, "servers stand in the order of the report")
	for i, c := range all {
		require.Positive(t, c.Age)
		require.Less(t, c.Age, patience)
		if i > 0 {
			require.Equal(t, conns[c.State], c.Remote)
		}
		if i > 1 {
			require.LessOrEqual(t, c.Age, all[i-1].Age, "the oldest is first")
		}
	}
	_, err := stop()
	require.NoError(t, err)
	require.Empty(t, m.Conns())
}

// Everybody asks all the time, and nobody is in anybody's way.
func TestLiveReportsHoldNothingUp(t *testing.T) {
	for range 8 {
		opts := quietly()
		opts.Budget = patience
		m := graceful.New(opts)
		asked := make(chan struct{})
		var askers sync.WaitGroup
		ask := func(context.Context) error { m.Report(); m.Conns(); m.Inspect(); return nil }
		m.Add(1, graceful.Component{Name: "asks", Start: ask, PreStop: ask, Stop: ask}, worker("beside"))
		m.Add(2, graceful.HTTP("web", "127.0.0.1:0", &http.Server{Handler: http.NotFoundHandler()}))
		m.Add(3, graceful.Component{Name: "client", Start: func(context.Context) error {
			resp, err := http.Get("http://" + m.Addr("web").String())
			if err == nil {
				err = resp.Body.Close()
			}
			m.Stop(nil)
			return err
		}})
		for range 2 {
			askers.Go(func() {
				for {
					select {
					case <-asked:
						return
					default:
					}
					rep := m.Report()
					_ = rep.String()
					_ = m.Conns()
					if len(rep.Components) != 4 {
						panic("a component is missing")
					}
				}
			})
		}
		rep, err := m.Run(t.Context())
		close(asked)
		askers.Wait()
		require.NoError(t, err)
		require.Equal(t, 0, rep.ExitCode(), "%s", rep)
	}
}

func TestALiveReportOfAPanicHasItsStackInTheError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opts := quietly()
		opts.StopOnPanic = true
		m := graceful.New(opts)
		m.Add(1, graceful.Func("bomb", func(context.Context, func()) error { panic("off") }))
		m.Add(0, graceful.Component{Name: "slow", Stop: func(context.Context) error { time.Sleep(time.Hour); return nil }})
		go m.Run(t.Context()) // ends after an hour
		time.Sleep(time.Minute)
		synctest.Wait()
		var p *belay.PanicError
		require.ErrorAs(t, m.Report().Components[0].Err, &p)
		require.Equal(t, "panicked", m.Report().Components[0].Outcome)
		time.Sleep(2 * time.Hour)
	})
}
