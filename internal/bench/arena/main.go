// Command arena judges limiters that find their own limit: it plays the same requests,
// on virtual time, against servers behind each of them, and compares what is answered
// in time with what the best fixed limit of each phase would have had answered.
//
//	go run ./internal/bench/arena                          the whole table
//	go run ./internal/bench/arena -quick                   one seed
//	go run ./internal/bench/arena -scenario ramp,retries   some scenarios; -list names them
//	go run ./internal/bench/arena -limiter ours            some limiters
//	go run ./internal/bench/arena -random 20               scenarios that are made up; -from says where to begin
//	go run ./internal/bench/arena -svg DIR                 besides, limit and in-flight over time, drawn
//	go run ./internal/bench/arena -json                    the verdicts for programs
//	go run ./internal/bench/arena -check                   exit with 1 if ours misses a bar
//
// A limiter of one's own is plugged in in ours.go.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

type options struct {
	seeds, random      int
	from               uint64
	scenarios, limiter string
	svg                string
	json, check, list  bool
}

func main() {
	var o options
	quick := flag.Bool("quick", false, "one seed, and' clocks late by up to half a millisecond")
	flag.IntVar(&o.seeds, "seeds", 3, "how many times a scenario is played, with other requests; more where these are few")
	flag.StringVar(&o.scenarios, "scenario", "", "names of scenarios, with commas between; a part of a name is enough")
	flag.StringVar(&o.limiter, "limiter", "", "names of limiters, with commas between; ours is ours")
	flag.IntVar(&o.random, "random", 0, "make up this many scenarios instead")
	flag.Uint64Var(&o.from, "from", 1, "number of the first scenario that is made up")
	flag.StringVar(&o.svg, "svg", "", "folder for drawings of the first seed")
	flag.BoolVar(&o.json, "json", false, "print JSON")
	flag.BoolVar(&o.check, "check", false, "exit with 1 if ours misses a bar")
	flag.BoolVar(&o.list, "list", false, "print the names of scenarios and limiters")
	flag.Parse()
	if *quick {
		o.seeds = 1
	}
	if o.seeds < 1 || flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "arena: at least one seed, and no arguments")
		os.Exit(2)
	}
	withBubbles(func(b bubbles) int {
		if *quick {
			b.grain = 500 * time.Microsecond
		}
		return run(b, o)
	})
}

func run(b bubbles, o options) int {
	all := scenarios()
	if o.random > 0 {
		all = nil
		for i := range o.random {
			all = append(all, random(o.from+uint64(i)))
		}
	}
	chosen := slices.DeleteFunc(all, func(s *scenario) bool { return !named(o.scenarios, s.name) })
	limiters := slices.DeleteFunc(entrants(), func(e entrant) bool {
		return !named(o.limiter, e.name) && !(e.name == ours.name && named(o.limiter, "ours")) ||
			e.asked && o.limiter == "" && !o.list
	})
	if len(chosen) == 0 || len(limiters) == 0 {
		fmt.Fprintln(os.Stderr, "arena: no such scenario or limiter; -list names them")
		return 2
	}
	if o.list {
		for _, s := range chosen {
			fmt.Printf("%-18s %s\n", s.name, s.about)
		}
		for _, e := range limiters {
			fmt.Printf("%-18s %s\n", e.name, e.about)
		}
		return 0
	}
	began := time.Now()
	if !o.json {
		preface(o, limiters)
	}
	var table []*printed
	for _, s := range chosen {
		p := contest(b, s, limiters, o.seeds*s.seeds(), o.svg != "")
		table = append(table, p)
		if !o.json {
			p.print(os.Stdout)
		}
		if o.svg != "" {
			if err := draw(o.svg, p); err != nil {
				fmt.Fprintln(os.Stderr, err)
				return 2
			}
		}
	}
	return conclude(o, table, time.Since(began))
}

// named reports whether a list of parts of names, empty for all, has the name.
func named(list, name string) bool {
	if list == "" {
		return true
	}
	return slices.ContainsFunc(strings.Split(list, ","), func(part string) bool {
		if whole, ok := strings.CutPrefix(part, "="); ok {
			return name == whole
		}
		return strings.Contains(name, part)
	})
}

func preface(o options, limiters []entrant) {
	fmt.Printf("What is answered within the goal, in %% of the best fixed limit's of each phase [p99 as a multiple of its],\n"+
		"%d seeds or more; * misses: %% below 95 (92 with 4 workers), p99 above %.1fx, below 90 %% in the first 5 s after a step,\n"+
		"any refusal below 80 %% load. The oracle's line has its limit and p99.\n", o.seeds, slowest)
	for _, e := range limiters {
		fmt.Printf("  %-*s %s\n", nameWidth, e.name, e.about)
	}
}

// contest plays one scenario with all limiters.
func contest(b bubbles, s *scenario, limiters []entrant, seeds int, drawn bool) *printed {
	traces := make([][]request, seeds)
	inParallel(seeds, func(i int) { traces[i] = trace(s, uint64(i+1)) })
	p := &printed{scenario: s, oracle: findOracle(s, traces)}
	tallies := make([]tally, len(limiters)*seeds)
	drawings := make([]*series, len(limiters))
	inParallel(len(tallies), func(i int) {
		var d *series
		if i%seeds == 0 && drawn {
			d = newSeries(s)
			drawings[i/seeds] = d
		}
		tallies[i] = b.judged(s, traces[i%seeds], d, limiters[i/seeds])
	})
	for i, e := range limiters {
		sum := tallies[i*seeds]
		for _, t := range tallies[i*seeds+1 : (i+1)*seeds] {
			sum.add(t)
		}
		v := judge(s, p.oracle, e.name, sum)
		v.drawn = drawings[i]
		p.verdicts = append(p.verdicts, v)
	}
	return p
}

func conclude(o options, all []*printed, took time.Duration) int {
	out := os.Stdout
	if o.json {
		type scenarioJSON struct {
			Scenario string
			Verdicts []verdict
		}
		var list []scenarioJSON
		for _, p := range all {
			list = append(list, scenarioJSON{p.scenario.name, p.verdicts})
		}
		enc := json.NewEncoder(os.Stdout)
		enc.SetIndent("", " ")
		if err := enc.Encode(list); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 2
		}
		out = os.Stderr
	}
	summary(out, all)
	fmt.Fprintf(out, "\nWhere %s misses a bar:\n", ours.name)
	n := misses(out, all)
	fmt.Fprintf(out, "%d misses. %.0f s\n", n, took.Seconds())
	if o.check && n > 0 {
		return 1
	}
	return 0
}
