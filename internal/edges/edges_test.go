package edges_test

// The harness: what an edge is, and that each holds and stands in the page.

import (
	"os"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/internal/leaktest"
)

// An edge is a promise that a write is visible to a read. run does both, each at
// its side of what orders them.
type edge struct {
	name string // as in the page: "semaphore.Weighted: Release → Acquire"
	run  func(x *cell)
}

// cell is what is written and read, without a lock and without an atomic.
type cell struct {
	value, seen int
	planted     bool
	wg          sync.WaitGroup
}

// write is the write, before what orders it.
func (x *cell) write() {
	if !x.planted {
		x.value++
	}
}

// late is a write too late, where one is planted.
func (x *cell) late() {
	if x.planted {
		x.value++
	}
}

// read is the read, after what orders it.
func (x *cell) read() { x.seen = x.value }

// beside runs f on a goroutine that join waits for. It orders what f does before
// the end of the join, and nothing else.
func (x *cell) beside(f func()) { x.wg.Go(f) }

func (x *cell) join() { x.wg.Wait() }

// A hint says that something was done, and orders nothing: the race detector
// doesn't see it. Without it a test would have to wait by the clock for what it
// must not wait for in any other way.
type hint struct{ set bool }

//go:norace
//go:noinline
func (h *hint) give() { h.set = true }

//go:norace
//go:noinline
func (h *hint) given() bool { return h.set }

func (h *hint) await() {
	for !h.given() {
		runtime.Gosched()
	}
}

// all are the edges of the page.
func all() []edge {
	var list []edge
	for _, some := range [][]edge{ofGroups, ofLimits, ofWaits, ofContexts, ofManagers} {
		list = append(list, some...)
	}
	return list
}

const rounds = 20

// plantedEdge is the name of an edge whose reversal a child process of the tests
// is to run.
const plantedEdge = "BELAY_PLANTED_EDGE"

func TestMain(m *testing.M) {
	if name := os.Getenv(plantedEdge); name != "" {
		for _, e := range all() {
			if e.name == name {
				for range rounds {
					e.run(&cell{planted: true})
				}
			}
		}
		os.Exit(0) // unless the race detector has ended it
	}
	leaktest.Main(m)
}

func TestWhatIsWrittenBeforeAnEdgeIsVisibleAfterIt(t *testing.T) {
	for _, e := range all() {
		t.Run(e.name, func(t *testing.T) {
			for range rounds {
				x := &cell{}
				e.run(x)
				require.Equal(t, 1, x.seen)
			}
		})
	}
}

var row = regexp.MustCompile(`(?m)^\| (\S+) \| (.+?) \| (.+?) \|$`)

func TestThePageListsEveryEdgeAndNoOther(t *testing.T) {
	page, err := os.ReadFile("../../docs/MEMORY.md")
	require.NoError(t, err)
	_, tables, _ := strings.Cut(string(page), "\n## ")
	tables, _, _ = strings.Cut(tables, "\n## What orders nothing")
	var listed, tested []string
	for _, m := range row.FindAllStringSubmatch(tables, -1) {
		if m[1] != "type" && m[1] != "---" {
			listed = append(listed, strings.Trim(m[1], "`")+": "+m[2]+" → "+m[3])
		}
	}
	for _, e := range all() {
		tested = append(tested, e.name)
	}
	require.ElementsMatch(t, tested, listed)
}
