// Command machines runs the small programs of this folder through their
// schedules. It is built by package rewrite, against the product with its steps:
// built otherwise there are none, and it says so. Use the command in
// internal/explore/run.
package main

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/belay-go/belay/internal/explore"
	"github.com/belay-go/belay/limiter/semaphore"
)

// program is a state machine, and what goroutines do to it.
type program struct {
	name  string
	fresh func() explore.Program
	// heavy is by how much fewer preemptions there are: more goroutines, more steps.
	heavy int
}

func programs() []program {
	return append(append(append(append(waitGroups(), semaphores()...), errgroups()...), keyeds()...), pools()...)
}

func main() {
	preemptions := flag.Int("preemptions", 2, "how many a run may have")
	most := flag.Int("most", 0, "how many runs of a program there may be; 0: all")
	only := flag.String("only", "", "programs, as a regular expression")
	replay := flag.String("replay", "", "decisions, with commas between, of the one program named by -only")
	flag.Parse()
	filter, err := regexp.Compile(*only)
	if err != nil {
		fmt.Fprintln(os.Stderr, "machines:", err)
		os.Exit(2)
	}
	if !stepped() {
		fmt.Fprintln(os.Stderr, "machines: there were no steps; use the command internal/explore/run")
		os.Exit(2)
	}
	failed := false
	for _, p := range programs() {
		if !filter.MatchString(p.name) {
			continue
		}
		if *replay != "" {
			failure, trace := explore.Replay(p.fresh, max(1, *preemptions-p.heavy), decisions(*replay))
			fmt.Printf("%s\n%s\n", trace, failure)
			continue
		}
		failed = report(p, max(1, *preemptions-p.heavy), *most) || failed
	}
	if failed {
		os.Exit(1)
	}
}

// stepped reports whether this was built against source that has its steps.
func stepped() bool {
	return explore.Search(func() explore.Program {
		s := semaphore.NewWeighted(1)
		return explore.Program{Goroutines: []func(){func() { s.TryAcquire(1); s.Release(1) }}}
	}, 0, 0).Steps > 3
}

// report runs one program and prints a line, and more if it fails.
func report(p program, preemptions, most int) (failed bool) {
	began := time.Now()
	r := explore.Search(p.fresh, preemptions, most)
	how := "every schedule"
	switch {
	case r.Failure != "":
		how = "FAILED"
	case r.Cut:
		how = "cut short"
	}
	fmt.Printf("%-20s %d preemptions  %8d runs  %3d steps at most  %5.1f s  %s\n",
		p.name, preemptions, r.Runs, r.Longest, time.Since(began).Seconds(), how)
	if r.Failure != "" {
		fmt.Printf("%s\n\n%s\n\nreplay: -only '^%s$' -preemptions %d -replay %s\n", r.Failure, r.Trace, p.name,
			preemptions+p.heavy, strings.Trim(strings.ReplaceAll(fmt.Sprint(r.Replay), " ", ","), "[]"))
	}
	return strings.HasPrefix(how, "FAILED")
}

func decisions(text string) (list []int) {
	for _, part := range strings.Split(text, ",") {
		n, err := strconv.Atoi(part)
		if err != nil {
			fmt.Fprintln(os.Stderr, "machines:", err)
			os.Exit(2)
		}
		list = append(list, n)
	}
	return list
}

// room counts those who are somewhere where no more than so many may be.
type room struct {
	most, in, been int64
}

// visit is in the room for one step.
func (r *room) visit(n int64) {
	if r.in += n; r.in > r.most {
		explore.Failf("%d are in where %d may be", r.in, r.most)
	}
	r.been++
	explore.Step("inside")
	r.in -= n
}
