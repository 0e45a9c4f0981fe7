package drive

// The screen, letter by letter.

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

const sampleReport = `level=INFO msg=stopping
stopped after 31 ms: SIGTERM; took 3.0 s of 3.0 s
  consumer  STUCK    2.7 s of 2.7 s  phase 2  graceful: consumer: stop: ctxutil: consumer: timed out after 2.7 s
      chan send, 1 goroutine, main.(*consumer).flush examples/service/consumer.go:33
  http      stopped  3 ms of 1.0 s   phase 1
  digest    stopped  1 ms of 300 ms  phase 0
`

// sampleRound is a good round, a little different for each i.
func sampleRound(i int) round {
	var r round
	for p := range r.tallies {
		r.tallies[p].outcomes[answered] = 1000*(p+1) + 100*i
		r.tallies[p].outcomes[refused] = connections
		r.tallies[p].stall = time.Duration(30+i) * time.Millisecond
	}
	r.before = held{Goroutines: 40, Descriptors: 20, Memory: 3 << 20}
	r.after = r.before
	r.lastToGo = time.Duration(1+i) * 10 * time.Millisecond
	return r
}

// requireFits checks that a text is one screen.
func requireFits(t *testing.T, text string) {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	require.LessOrEqual(t, len(lines), screenLines, text)
	for _, line := range lines {
		require.LessOrEqual(t, utf8.RuneCountInString(line), screenColumns, line)
		require.Equal(t, strings.TrimRight(line, " "), line)
	}
}

func TestTheScreenOfARunThatPasses(t *testing.T) {
	r := good()
	r.took = 21700 * time.Millisecond
	text, exit := r.screen()
	require.Zero(t, exit)
	requireFits(t, text)
	require.Equal(t, `Real processes, real sockets, no client retries. 2 cores, go1.26.8, linux/amd64.
76 clients a protocol, 64 or more flying plain net/http+grpc               belay
requests answered                                     61,500              61,500
  http/1.1 POST   keep-alive | one-shot        4,300 | 8,300       4,300 | 8,300
  h2c | grpc unary | grpc stream             12k | 16k | 20k     12k | 16k | 20k
LOST in 3 restarts under load                              4                   0
LOST in 3 stops under load                                12                   0
refused: dialled after accepting ended                 1,280               1,280
longest stall seen by a client                         32 ms               32 ms
last answer -> process gone (p50)                      10 ms               10 ms
goroutines, descriptors after vs before               +0, +0              +0, +0
heap of the idle server, at most                     3.0 MiB             3.0 MiB

Stop with one component that hangs (planted, budget 3 s):
  plain   nothing printed; killed after 4.0 s
  belay   exit 3 after 3.0 s, consumer named; its report says:
    consumer  STUCK    2.7 s of 2.7 s  phase 2  graceful: consumer: stop:
          ctxutil: consumer: timed out after 2.7 s
        chan send, 1 goroutine, main.(*consumer).flush
              examples/service/consumer.go:33
    http digest   stopped

PASS  belay lost 0 of 61,500; the control lost 16; the hang was named.  22 s
`, text)
}

func TestTheScreenOfARunThatFailsHasTheReasons(t *testing.T) {
	r := good()
	r.rounds[1][belay][0].tallies[keepAlive].outcomes[lost] = 2
	r.rounds[1][belay][0].tallies[keepAlive].outcomes[shed] = 5
	r.rounds[1][belay][1].after.Goroutines += 3
	r.rounds[1][belay][2].killed = true
	r.hangs[belay].text = "bye"
	text, exit := r.screen()
	require.Equal(t, exitFail, exit)
	requireFits(t, text)
	for _, part := range []string{
		"shed: 429", "belay kept 3 goroutines and 0 descriptors", "belay had to be killed 7s after the signal",
		"nothing printed that names it", "\nFAIL  belay lost 2 of ", "the hang was not named",
	} {
		require.Contains(t, text, part)
	}
}

func TestAScreenWithTooMuchToSayStillEndsWithTheVerdict(t *testing.T) {
	r := good()
	for range 40 {
		one := sampleRound(0)
		one.killed = true
		r.add(1, belay, one)
	}
	text, _ := r.screen()
	requireFits(t, text)
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	require.Len(t, lines, screenLines)
	require.True(t, strings.HasPrefix(lines[screenLines-1], "FAIL  "))
}

func TestAControlThatTookMoreTriesSaysSo(t *testing.T) {
	r := good()
	healControl(&r)
	for range 3 {
		r.add(1, plain, sampleRound(0))
	}
	text, exit := r.screen()
	require.Equal(t, exitHollow, exit)
	require.Contains(t, text, "0 in 6")
	require.Contains(t, text, "NOTHING PROVED  belay lost 0")
}
