// Package leaktest fails a test binary that leaves goroutines behind.
//
// It looks in two ways. Every build lists the goroutines that still are inside
// this module once the tests have ended. A build with the runtime's
// goroutine-leak profile (GOEXPERIMENT=goroutineleakprofile on Go 1.26, every
// one of Go 1.27) asks the garbage collector besides, which finds what can never
// be woken again, whoever started it.
package leaktest

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"
	"testing"
	"time"
)

// module is in the stack of every goroutine that runs code of this project.
const module = "github.com/belay-go/belay"

// patience is how long goroutines get to end that are about to.
const patience = 2 * time.Second

// Main runs the tests and exits: with their code, or with 1 if they passed and
// left goroutines.
func Main(m *testing.M) {
	code := m.Run()
	if code == 0 {
		if found := Find(patience); found != "" {
			fmt.Fprintf(os.Stderr, "leaktest: goroutines left behind:\n\n%s\n", found)
			code = 1
		}
	}
	os.Exit(code)
}

// Find returns the stacks of goroutines that were left, or "". It asks again
// until nothing is left or wait is over.
func Find(wait time.Duration) string {
	deadline := time.Now().Add(wait)
	for pause := time.Millisecond; ; pause *= 2 {
		found := lingering()
		if found == "" {
			found = unreachable()
		}
		if found == "" || time.Until(deadline) <= 0 {
			return found
		}
		time.Sleep(min(pause, time.Until(deadline)))
	}
}

// lingering lists the goroutines other than the caller's that run this module's
// code, test binaries' own runners excepted.
func lingering() string {
	buf := make([]byte, 1<<20)
	for {
		n := runtime.Stack(buf, true)
		if n < len(buf) {
			buf = buf[:n]
			break
		}
		buf = make([]byte, 2*len(buf))
	}
	var left []string
	for i, stack := range strings.Split(strings.TrimSpace(string(buf)), "\n\n") {
		if i > 0 && strings.Contains(stack, module) && !strings.Contains(stack, "testing.(*T).Run") && !strings.Contains(stack, "testing.(*M).Run") {
			left = append(left, stack)
		}
	}
	return strings.Join(left, "\n\n")
}

// HasProfile reports whether this build has the goroutine-leak profile.
func HasProfile() bool { return pprof.Lookup("goroutineleak") != nil }

// unreachable asks the goroutine-leak profile. The profile counts only after
// WriteTo, which runs the collection that detects.
func unreachable() string {
	p := pprof.Lookup("goroutineleak")
	if p == nil {
		return ""
	}
	var b bytes.Buffer
	if err := p.WriteTo(&b, 1); err != nil {
		return "leaktest: " + err.Error()
	}
	if p.Count() == 0 {
		return ""
	}
	return b.String()
}
