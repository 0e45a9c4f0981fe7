// Command bench compares this module with its peers: both in one process, in
// turn, several times over, so that what the machine does meanwhile hits both.
// What counts is the ratio; the absolute times say only what kind of machine it
// was. Where a ratio is claimed, it stands beside as the target.
//
//	go run ./internal/bench                  every suite; minutes
//	go run ./internal/bench -quick           the same with shorter and fewer rounds
//	go run ./internal/bench errgroup         one suite
//	go run ./internal/bench -counts 12 rate  with more rounds
//	go run ./internal/bench -json - rate     for machines
//	go run ./internal/bench -publish         every suite, into the README and its charts
//
// The interval of a row is where the median of such pairs is in 95 of 100 cases.
// A claim is SHORT where the whole interval is beyond it, and then the command
// ends with 1; it is open where only the median is.
//
// The suite growth has no claims: it says how a cost grows with a limit, with
// producers, keys, waiters and processors. Two are run only by name:
// errgroup-dropped has the designs that errgroup did not take in the place of
// ours, and errgroup's targets: SHORT is why they were not taken. timeout-dropped
// has a kind of timeout that package timeout leaves out.
//
// redis needs a redis-server on the machine, and starts one; the command in the
// folder fleet draws what becomes of a limit while that is killed.
//
// graceful-stop takes minutes, as it waits for stops that hang: it says how long
// a stop goes on when there is nothing left to wait for. graceful-serving has the
// cost of being ready for one, and net/http beside itself, which says how small
// a difference can be told. Whether a stop loses requests is what the command
// in the folder stops finds out, and whether a restart does
//
//	go run ./internal/bench restart -h
package main

// This file reads the command line and runs the suites.

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/belay-go/belay/internal/bench/report"
)

// suite is the comparisons on one subject.
type suite struct {
	name   string
	rows   func() []row
	byName bool // it is run only where it is asked for
}

// suites are in the order in which they are shown.
var suites = []suite{
	{name: "errgroup", rows: errgroupRows},
	{name: "errgroup-loops", rows: loopRows},
	{name: "errgroup-options", rows: optionRows},
	{name: "errgroup-dropped", rows: droppedRows, byName: true},
	{name: "semaphore", rows: semaphoreRows},
	{name: "rate", rows: rateRows},
	{name: "keyed", rows: keyedRows},
	{name: "redis", rows: redisRows},
	{name: "adaptive", rows: adaptiveRows},
	{name: "pool", rows: poolRows},
	{name: "timeout", rows: timeoutRows},
	{name: "timeout-timer", rows: timerRows},
	{name: "timeout-dropped", rows: coarseRows, byName: true},
	{name: "ctxutil", rows: ctxutilRows},
	{name: "timeout-watchdog", rows: watchdogRows},
	{name: "timeout-run", rows: runRows},
	{name: "graceful-serving", rows: servingRows},
	{name: "graceful-stop", rows: stopRows},
	{name: "growth", rows: growthRows},
}

// peers are the modules that ours is compared with, net/http and what else is
// Go's own apart.
var peers = []string{
	"github.com/alitto/pond/v2",
	"github.com/failsafe-go/failsafe-go",
	"github.com/gammazero/workerpool",
	"github.com/go-kratos/aegis",
	"github.com/go-redis/redis_rate/v10",
	"github.com/jackc/puddle/v2",
	"github.com/panjf2000/ants/v2",
	"github.com/sourcegraph/conc",
	"go.uber.org/ratelimit",
	"golang.org/x/sync",
	"golang.org/x/time",
	"google.golang.org/grpc",
}

// command is what the command line asks for.
type command struct {
	setting
	rows    string   // measure only those whose line would contain this
	only    []string // and those of these suites
	json    string
	publish bool
}

func main() {
	if echoChild() {
		return
	}
	restartCommand()
	os.Exit(parse().run())
}

func parse() *command {
	c := &command{setting: setting{now: time.Now}}
	flag.IntVar(&c.counts, "counts", 6, "rounds of each comparison, at least 6 for a claim")
	flag.DurationVar(&c.length, "length", 30*time.Millisecond, "length of one round of one side")
	flag.BoolVar(&c.quick, "quick", false, "a look: shorter rounds, and fewer where there are many")
	flag.StringVar(&c.rows, "rows", "", "measure only the rows whose line would contain this")
	flag.StringVar(&c.json, "json", "", "write what was found to this file, - for stdout in the place of the tables")
	flag.BoolVar(&c.publish, "publish", false, "write what was found, its charts, and the README's table")
	flag.Usage = func() {
		fmt.Fprintf(flag.CommandLine.Output(), "usage: bench [flags] [suite ...]\nsuites: %s\n", strings.Join(names(), ", "))
		flag.PrintDefaults()
	}
	flag.Parse()
	c.only = flag.Args()
	for _, arg := range c.only {
		if !slices.Contains(names(), arg) {
			refuse("no suite %q; there are %s", arg, strings.Join(names(), ", "))
		}
	}
	if c.counts < 1 || c.length <= 0 {
		refuse("-counts %d -length %v: both must be positive", c.counts, c.length)
	}
	if c.publish && (c.quick || c.rows != "" || len(c.only) > 0 || c.counts < 6) {
		refuse("-publish is for a whole run of at least 6 rounds")
	}
	if c.quick {
		c.length = min(c.length, quickLength)
	}
	return c
}

// quickLength is how long a round of a quick run is at the most.
const quickLength = 8 * time.Millisecond

func refuse(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "bench: "+format+"\n", args...)
	os.Exit(2)
}

// selected returns the suites with the rows that are to be measured, and how many
// these are.
func (c *command) selected() (chosen []suite, total int) {
	for _, s := range suites {
		if named := slices.Contains(c.only, s.name); !named && (s.byName || len(c.only) > 0) {
			continue
		}
		rows := slices.DeleteFunc(s.rows(), func(r row) bool {
			return c.quick && r.slow || !strings.Contains(r.shape+" | "+r.peer, c.rows)
		})
		if len(rows) > 0 {
			chosen = append(chosen, suite{name: s.name, rows: func() []row { return rows }})
			total += len(rows)
		}
	}
	return chosen, total
}

// run measures and prints, each line as soon as it is known, and returns what the
// command ends with.
func (c *command) run() int {
	defer func() { stopRedis() }()
	began := time.Now()
	found := report.New(c.counts, c.length, peers)
	out := os.Stdout
	if c.json == "-" {
		out = os.Stderr
	}
	fmt.Fprintln(out, found.Heading())
	chosen, total := c.selected()
	bar := newProgress(total)
	for _, s := range chosen {
		bar.clear()
		fmt.Fprintf(out, "\n%s\n%s\n", s.name, report.Header)
		kept := report.Suite{Name: s.name}
		for _, r := range s.rows() {
			bar.show(s.name)
			res := compare(r, c.setting)
			bar.clear()
			fmt.Fprintln(out, res)
			kept.Rows = append(kept.Rows, res)
		}
		found.Suites = append(found.Suites, kept)
	}
	found.Took = report.Took(time.Since(began))
	fmt.Fprintf(out, "\nagainst %s\n%s\n", found.Versions(), found.Summary())
	if err := c.keep(found); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 2
	}
	if short, _ := found.Count(report.Short); short > 0 {
		return 1
	}
	return 0
}

// keep writes what was found to where the command line says.
func (c *command) keep(found *report.Report) error {
	switch c.json {
	case "":
	case "-":
		if err := found.Write(os.Stdout); err != nil {
			return err
		}
	default:
		if err := found.Save(c.json); err != nil {
			return err
		}
	}
	if c.publish {
		return report.Publish(found)
	}
	return nil
}

func names() (all []string) {
	for _, s := range suites {
		all = append(all, s.name)
	}
	return all
}
