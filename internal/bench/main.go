// Command bench compares this module with its peers: both in one process, in
// turn, several times over, so that what the machine does meanwhile hits both.
// What counts is the ratio; the absolute times say only what kind of machine it
// was. Where a ratio is claimed, it stands beside as the target, and a median
// below it is marked SHORT; the range says how far to trust that.
//
//	go run ./internal/bench                  every suite
//	go run ./internal/bench errgroup         one suite
//	go run ./internal/bench -counts 12 rate  with more rounds
//
// The suite errgroup-dropped has the designs that errgroup did not take in the
// place of ours, and errgroup's targets: SHORT is why they were not taken.
// timeout-dropped has a kind of timeout that package timeout leaves out.
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

// This file reads the command line and prints the tables.

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// suites are the comparisons by name, in the order in which they are shown.
var suites = []struct {
	name string
	rows func() []row
}{
	{"errgroup", errgroupRows},
	{"errgroup-loops", loopRows},
	{"errgroup-options", optionRows},
	{"errgroup-dropped", droppedRows},
	{"semaphore", semaphoreRows},
	{"rate", rateRows},
	{"keyed", keyedRows},
	{"redis", redisRows},
	{"adaptive", adaptiveRows},
	{"pool", poolRows},
	{"timeout", timeoutRows},
	{"timeout-timer", timerRows},
	{"timeout-dropped", coarseRows},
	{"ctxutil", ctxutilRows},
	{"timeout-watchdog", watchdogRows},
	{"timeout-run", runRows},
	{"graceful-stop", stopRows},
	{"graceful-serving", servingRows},
}

func main() {
	if echoChild() {
		return
	}
	restartCommand()
	counts := flag.Int("counts", 6, "rounds of each comparison, at least 6 for a claim")
	length := flag.Duration("length", 30*time.Millisecond, "length of one round of one side")
	only := flag.String("rows", "", "measure only the rows whose line would contain this")
	flag.Usage = func() {
		fmt.Fprintf(flag.CommandLine.Output(), "usage: bench [flags] [suite ...]\nsuites: %s\n", strings.Join(names(), ", "))
		flag.PrintDefaults()
	}
	flag.Parse()
	for _, arg := range flag.Args() {
		if !slices.Contains(names(), arg) {
			fmt.Fprintf(os.Stderr, "bench: no suite %q; there are %s\n", arg, strings.Join(names(), ", "))
			os.Exit(2)
		}
	}
	if *counts < 1 || *length <= 0 {
		fmt.Fprintf(os.Stderr, "bench: -counts %d -length %v: both must be positive\n", *counts, *length)
		os.Exit(2)
	}
	fmt.Printf("%s %s/%s, %d processors, %d rounds of %v in turn; ratio = peer's time / ours, above 1 we are faster\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0), *counts, *length)
	defer func() { stopRedis() }()
	for _, s := range suites {
		if flag.NArg() > 0 && !slices.Contains(flag.Args(), s.name) {
			continue
		}
		rows := slices.DeleteFunc(s.rows(), func(r row) bool { return !strings.Contains(r.shape+" | "+r.peer, *only) })
		if len(rows) > 0 {
			show(s.name, rows, *counts, *length)
		}
	}
}

// show prints a suite's table, each line as soon as it is known.
func show(suite string, rows []row, counts int, length time.Duration) {
	fmt.Printf("\n%s\n%s\n", suite, header)
	claimed, short := 0, 0
	for _, r := range rows {
		res := compare(r, counts, length, time.Now)
		fmt.Println(line(r, res))
		if r.claimed() {
			claimed++
		}
		if res.short {
			short++
		}
	}
	if claimed > 0 {
		fmt.Printf("\n%d of %d targets SHORT\n", short, claimed)
	}
}

func names() (all []string) {
	for _, s := range suites {
		all = append(all, s.name)
	}
	return all
}
