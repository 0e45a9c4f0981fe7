package main

// This file prints: how far it is, and what came of it.

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/belay-go/belay/internal/bench/load"
)

// terminal reports whether somebody looks on.
var terminal = sync.OnceValue(func() bool {
	info, err := os.Stderr.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
})

// progress puts the line in the place of the last one on a terminal; elsewhere,
// only one that is a milestone is printed.
func progress(milestone bool, line string) {
	switch {
	case terminal():
		fmt.Fprintf(os.Stderr, "\r\x1b[K%s", line)
	case milestone:
		fmt.Fprintln(os.Stderr, line)
	}
}

// table says what became of all requests.
func table(ours, control *side, conns int) string {
	progress(false, "")
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s %s/%s, %d processors; %d connections of each protocol, %s requests before each signal\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0), conns, thousands(load.Warm))
	fmt.Fprintf(&b, "%-20s| %-44s| %s\n", "", fmt.Sprintf("graceful, %d stops", ours.stops), fmt.Sprintf("Shutdown and GracefulStop, %d stops", control.stops))
	line := func(name string, cells func(*side, load.Outcome) string) {
		fmt.Fprintf(&b, "%-20s|", name)
		for i, s := range []*side{ours, control} {
			for o := range load.Outcome(load.Failed) {
				fmt.Fprintf(&b, "%*s", [...]int{11, 7, 7, 8, 10}[o], cells(s, o))
			}
			if i == 0 {
				b.WriteString("  |")
			}
		}
		b.WriteByte('\n')
	}
	line("", func(_ *side, o load.Outcome) string { return o.String() })
	for p := range load.Protocol(load.Protocols) {
		line(p.String(), func(s *side, o load.Outcome) string { return thousands(s.counts[p][o]) })
	}
	line("all", func(s *side, o load.Outcome) string { return thousands(s.total(o)) })
	for _, s := range []*side{ours, control} {
		fmt.Fprintf(&b, "%s: at least %d requests in flight of each protocol; last answer -> process gone: p50 %s, max %s; %d stops did not end cleanly\n",
			s.kind, s.flying, ms(middle(s.after)), ms(slices.Max(s.after)), s.unclean)
	}
	return b.String()
}

func middle(ds []time.Duration) time.Duration {
	return slices.Sorted(slices.Values(ds))[len(ds)/2]
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", d.Seconds()*1e3) }

// thousands writes n as people read it.
func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
