//go:build unix

// Package restarts finds out whether a restart loses requests. It starts real
// server processes, asks them over http/1.1, h2c, TLS h2 and grpc, with as many
// clients as is called a load and with wrk where that is installed, and has the
// process replaced by another one, many times:
//
//	go run ./internal/bench restart            10 runs of 100 restarts
//	go run ./internal/bench restart -n 20 -runs 1
//
// The same is done to servers that hand over their sockets in the same way and
// stop then as the documentation of net/http and grpc shows it, and to servers
// that share their address by SO_REUSEPORT. It exits with 1 if graceful lost a
// request or a process did not end cleanly, with 4 if one of the others lost
// nothing, for then this load proves nothing, and with 2 if it could not do its
// work. Whoever is refused in a restart has lost a request, too.
package restarts

// This file has the flags, the order of the runs, and what they mean.

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/belay-go/belay/internal/bench/load"
)

// controlRestarts is how many restarts of the others are made, and controlTries
// how often, until they have lost something.
const controlRestarts, controlTries = 20, 3

// config is what the flags say.
type config struct {
	n, runs, conns int
	svg            string
}

// Main makes all runs and returns the exit code.
func Main(args []string) int {
	flags := flag.NewFlagSet("restart", flag.ContinueOnError)
	var c config
	flags.IntVar(&c.n, "n", 100, "restarts in one run")
	flags.IntVar(&c.runs, "runs", 10, "runs")
	flags.IntVar(&c.conns, "conns", 64, "connections of each protocol, each with a request in flight at the first restart")
	flags.StringVar(&c.svg, "svg", "", "file to draw latency over time of the first run into")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if flags.NArg() > 0 || c.n < 1 || c.runs < 1 || c.conns < 1 {
		flags.Usage()
		return 2
	}
	r, err := measure(c)
	if err != nil {
		fmt.Fprintln(os.Stderr, "restart:", err)
		return 2
	}
	fmt.Print(r.table())
	verdict, code := r.judge()
	fmt.Println(verdict)
	return code
}

// result is what all runs have found.
type result struct {
	config
	ours, calm     outcome
	handed, reused outcome
}

func measure(c config) (r result, err error) {
	r.config = c
	for kind, to := range map[string]*outcome{handed: &r.handed, reused: &r.reused} {
		for try := 0; try < controlTries && to.lost() == 0; try++ {
			o, err := run(kind, min(c.n, controlRestarts), c.conns, 0, nil)
			if err != nil {
				return r, fmt.Errorf("%s: %w", kind, err)
			}
			to.add(o)
		}
	}
	for i := range c.runs {
		var t *timeline
		if i == 0 && c.svg != "" {
			t = newTimeline()
		}
		o, err := run(managed, c.n, c.conns, 0, t)
		r.ours.add(o)
		if err != nil {
			return r, fmt.Errorf("%s, after %d restarts: %w", managed, r.ours.restarts, err)
		}
		// The same without a restart, for as long, right after it: what the
		// machine does meanwhile is in both.
		calm, err := run(managed, 0, c.conns, o.took, nil)
		r.calm.add(calm)
		if err != nil {
			return r, err
		}
		fmt.Fprintf(os.Stderr, "run %d: %d restarts in %.0f s, %d answered, %d lost; longest stall %v, without restarts %v\n",
			i+1, o.restarts, o.took.Seconds(), o.total(load.Answered), o.lost(), round(o.stall), round(calm.stall))
		for _, l := range o.losses {
			fmt.Fprintf(os.Stderr, "  %v %v: %s\n", l.Protocol, l.Outcome, l.Why)
		}
		if t != nil {
			title := fmt.Sprintf("How long requests take while the process is replaced %d times", c.n)
			if err := os.WriteFile(c.svg, []byte(t.svg(title)), 0o644); err != nil {
				return r, err
			}
		}
	}
	return r, nil
}

// table says what became of all requests.
func (r *result) table() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s/%s, %d processors; %d connections of each protocol, and 16 of wrk\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0), r.conns)
	columns := []struct {
		name string
		*outcome
	}{{"graceful", &r.ours}, {"handed, Shutdown", &r.handed}, {"SO_REUSEPORT", &r.reused}}
	line := func(name string, cell func(*outcome) string) {
		fmt.Fprintf(&b, "%-34s", name)
		for _, c := range columns {
			fmt.Fprintf(&b, "%20s", cell(c.outcome))
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "%-34s%20s%20s%20s\n", "", columns[0].name, columns[1].name, columns[2].name)
	line("restarts", func(o *outcome) string { return fmt.Sprint(o.restarts) })
	for p := range load.Protocol(load.Protocols) {
		line(p.String()+": answered | lost", func(o *outcome) string {
			return fmt.Sprintf("%d | %d", o.counts[p][load.Answered], o.counts[p][load.Lost]+o.counts[p][load.Late]+o.counts[p][load.Turned])
		})
	}
	line("wrk: answered | lost", func(o *outcome) string { return fmt.Sprintf("%d | %d", o.stranger[0], o.stranger[1]) })
	line("LOST", func(o *outcome) string { return fmt.Sprint(o.lost()) })
	line("longest stall of a client", func(o *outcome) string { return round(o.stall).String() })
	line("the last, idle: descriptors, MiB", func(o *outcome) string { return o.after.String() })
	fmt.Fprintf(&b, "the same load without restarts: longest stall %v (ratio %.2f); idle afterwards: %v\n", round(r.calm.stall), r.ratio(), r.calm.after)
	return b.String()
}

// ratio compares the longest stalls.
func (r *result) ratio() float64 { return float64(r.ours.stall) / float64(r.calm.stall) }

// judge says what the runs mean, and the exit code for it.
func (r *result) judge() (verdict string, code int) {
	switch {
	case r.handed.lost() == 0 || r.reused.lost() == 0:
		return "VOID: a control lost nothing, so this load proves nothing", 4
	case r.ours.lost() > 0 || r.ours.unclean > 0:
		return fmt.Sprintf("FAIL: graceful lost %d requests in %d restarts; %d processes did not end cleanly",
			r.ours.lost(), r.ours.restarts, r.ours.unclean), 1
	}
	return fmt.Sprintf("PASS: graceful lost 0 of %d in %d restarts; the controls lost %d and %d in %d and %d",
		r.ours.total(load.Answered)+r.ours.stranger[0], r.ours.restarts,
		r.handed.lost(), r.reused.lost(), r.handed.restarts, r.reused.restarts), 0
}

func round(d time.Duration) time.Duration { return d.Round(time.Millisecond) }
