package graceful_test

// Real processes, real signals, real sockets.

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// request is an answer that is on its way.
type request struct {
	resp *http.Response
}

// begin sends a GET and returns once the head of the answer is there.
func begin(t *testing.T, client *http.Client, url string) *request {
	t.Helper()
	resp, err := client.Get(url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = resp.Body.Close() })
	return &request{resp: resp}
}

func (r *request) body(t *testing.T) string {
	t.Helper()
	body, err := io.ReadAll(r.resp.Body)
	require.NoError(t, err)
	return string(body)
}

// underWay begins a request that ends when the result is called, and not before.
func underWay(t *testing.T, addr string) (release func()) {
	t.Helper()
	conn := dial(t, addr)
	fmt.Fprint(conn, "POST /held HTTP/1.1\r\nHost: test\r\nContent-Length: 1\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	r := &request{resp: resp}
	begun := make([]byte, len("begin "))
	_, err = io.ReadFull(resp.Body, begun)
	require.NoError(t, err)
	require.Equal(t, "begin ", string(begun))
	return func() {
		t.Helper()
		_, err := io.WriteString(conn, "x")
		require.NoError(t, err)
		require.Equal(t, "end", r.body(t))
	}
}

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.DialTimeout("tcp", addr, patience)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	require.NoError(t, c.SetDeadline(time.Now().Add(patience)))
	return c
}

func TestARequestInFlightEndsWholeAndTheExitIsClean(t *testing.T) {
	t.Parallel()
	c := start(t, "http")
	r := begin(t, &http.Client{Transport: &http.Transport{}}, "http://"+c.addr+"/slow?d=1s")
	c.signal(syscall.SIGTERM)
	require.Equal(t, "begin end", r.body(t))
	require.Equal(t, 0, c.exit(), "%s", c.output())
	require.Contains(t, c.output(), "signal: terminated")
}

func TestTheEndOfTheParentDoesNotShortenTheStop(t *testing.T) {
	t.Parallel()
	c := start(t, "parent")
	r := begin(t, &http.Client{Transport: &http.Transport{}}, "http://"+c.addr+"/slow?d=300ms")
	_, err := io.WriteString(c.stdin, "cancel\n")
	require.NoError(t, err)
	require.Equal(t, "begin end", r.body(t))
	require.Equal(t, 0, c.exit(), "%s", c.output())
	require.Contains(t, c.output(), "context canceled")
}

func TestAnHTTP2RequestEndsWholeAndItsConnectionIsToldToGo(t *testing.T) {
	t.Parallel()
	c := start(t, "h2c")
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	client := &http.Client{Transport: transport}
	warm := begin(t, client, "http://"+c.addr+"/slow?d=0s")
	require.Equal(t, 2, warm.resp.ProtoMajor)
	require.Equal(t, "begin end", warm.body(t))
	r := begin(t, client, "http://"+c.addr+"/slow?d=200ms")
	c.signal(syscall.SIGTERM)
	require.Equal(t, "begin end", r.body(t))
	require.Equal(t, 0, c.exit(), "%s", c.output())
}

func TestSilentAndHalfSentConnectionsDoNotHoldUpTheStop(t *testing.T) {
	t.Parallel()
	c := start(t, "h2c")
	for i := range 100 {
		conn := dial(t, c.addr)
		switch i % 4 {
		case 1: // half a request
			fmt.Fprint(conn, "GET /slow HTTP/1.1\r\nHo")
		case 2: // half of h2's greeting: Shutdown alone waits for it for ever
			fmt.Fprint(conn, "PRI * HTTP/2.0\r\n\r\nSM\r\n")
		case 3: // an idle one
			a, err := exchange(conn, bufio.NewReader(conn), "hello", true)
			require.NoError(t, err)
			require.True(t, a.again)
		}
	}
	c.signal(syscall.SIGTERM)
	require.Equal(t, 0, c.exit(), "%s", c.output())
}

// An idle connection whose client sends just after the signal is served, and
// told to go; Shutdown would have closed it at once.
func TestAClientThatSendsRightAfterTheSignalIsServed(t *testing.T) {
	t.Parallel()
	c := start(t, "http")
	var conns []net.Conn
	var readers []*bufio.Reader
	for range 50 {
		conn := dial(t, c.addr)
		r := bufio.NewReader(conn)
		_, err := exchange(conn, r, "first", true)
		require.NoError(t, err)
		conns, readers = append(conns, conn), append(readers, r)
	}
	release := underWay(t, c.addr)
	c.signal(syscall.SIGTERM)
	told := 0
	for i, conn := range conns {
		a, err := exchange(conn, readers[i], "second", true)
		require.NoError(t, err)
		if !a.again {
			told++
		}
	}
	require.NotZero(t, told)
	release()
	require.Equal(t, 0, c.exit(), "%s", c.output())
}

func TestASignalAtAnyPointOfTheStartStopsExactlyWhatWasStarted(t *testing.T) {
	t.Parallel()
	for range 20 {
		c := spawn(t, "slowstart")
		c.line("start ") // Run has begun: nothing is left to Go's default
		wait(time.Duration(rand.IntN(60)) * time.Millisecond)
		c.signal(syscall.SIGTERM)
		require.Equal(t, 0, c.exit(), "%s", c.output())
		started, stopped := map[string]bool{}, map[string]bool{}
		down := byte('9')
		for _, line := range strings.Split(c.output(), "\n") {
			switch verb, name, _ := strings.Cut(line, " "); verb {
			case "start":
				require.Empty(t, stopped, "started after the stop began:\n%s", c.output())
			case "started":
				started[name] = true
			case "stop":
				stopped[name] = true
				require.LessOrEqual(t, name[1], down, "not in reverse:\n%s", c.output())
				down = name[1]
			}
		}
		require.Equal(t, started, stopped, "%s", c.output())
	}
}

func TestASecondInterruptForces(t *testing.T) {
	t.Parallel()
	c := start(t, "hang")
	r := begin(t, &http.Client{Transport: &http.Transport{}}, "http://"+c.addr+"/hang")
	c.forces(os.Interrupt, "graceful: stopping")
	require.Equal(t, 130, c.exit(), "%s", c.output())
	require.Contains(t, c.output(), "forced by interrupt")
	require.Contains(t, c.output(), "request cut: graceful: forced by a second signal")
	_, _ = io.ReadAll(r.resp.Body) // its handler may end it in the last moment
}

func TestTheSameSignalTwiceAtOnceCountsOnce(t *testing.T) {
	t.Parallel()
	c := start(t, "http")
	r := begin(t, &http.Client{Transport: &http.Transport{}}, "http://"+c.addr+"/slow?d=200ms")
	c.signal(os.Interrupt)
	wait(2 * time.Millisecond)
	c.signal(os.Interrupt)
	require.Equal(t, "begin end", r.body(t))
	require.Equal(t, 0, c.exit(), "%s", c.output())
}

func TestARepeatedTermChangesNothing(t *testing.T) {
	t.Parallel()
	c := start(t, "http")
	r := begin(t, &http.Client{Transport: &http.Transport{}}, "http://"+c.addr+"/slow?d=700ms")
	for range 3 {
		c.signal(syscall.SIGTERM)
		wait(210 * time.Millisecond)
	}
	require.Equal(t, "begin end", r.body(t))
	require.Equal(t, 0, c.exit(), "%s", c.output())
}

func TestAHungComponentIsNamedAndTheExitSaysSo(t *testing.T) {
	t.Parallel()
	c := start(t, "hang")
	c.signal(syscall.SIGTERM)
	require.Equal(t, 3, c.exit(), "%s", c.output())
	require.Regexp(t, `(?m)^  consumer +STUCK `, c.output())
	require.Regexp(t, `(?m)^  http +stopped `, c.output())
}

func TestFiveHungComponentsShareOneBudget(t *testing.T) {
	t.Parallel()
	c := start(t, "hang5")
	c.signal(syscall.SIGTERM)
	began := time.Now()
	require.Equal(t, 3, c.exit(), "%s", c.output())
	require.Less(t, time.Since(began), patience) // the process was not killed by us
	for i := range 5 {
		require.Regexp(t, fmt.Sprintf(`(?m)^  stuck%d +STUCK `, i), c.output())
	}
	require.Contains(t, c.output(), " of 3.0 s")
}

func TestARequestThatOutlivesTheBudgetIsCutAndNamed(t *testing.T) {
	t.Parallel()
	c := start(t, "short")
	r := begin(t, &http.Client{Transport: &http.Transport{}}, "http://"+c.addr+"/hang")
	hijacked := dial(t, c.addr)
	fmt.Fprint(hijacked, "GET /hijack HTTP/1.1\r\nHost: test\r\n\r\n")
	line, err := bufio.NewReader(hijacked).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "hijacked\n", line)
	c.signal(syscall.SIGTERM)
	require.Equal(t, 3, c.exit(), "%s", c.output())
	require.Contains(t, c.output(), "request cut: ctxutil: http: timed out")
	require.Contains(t, c.output(), "cut 1 active, 0 silent, 1 hijacked; "+hijacked.LocalAddr().String()+" open for ")
	_, _ = io.ReadAll(r.resp.Body) // its handler may end it in the last moment
}

func TestAHijackedConnectionThatWatchesTheDrainEndsByItself(t *testing.T) {
	t.Parallel()
	c := start(t, "http")
	conn := dial(t, c.addr)
	fmt.Fprint(conn, "GET /hijack?polite=1 HTTP/1.1\r\nHost: test\r\n\r\n")
	r := bufio.NewReader(conn)
	line, err := r.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "hijacked\n", line)
	c.signal(syscall.SIGTERM)
	rest, err := io.ReadAll(r)
	require.NoError(t, err)
	require.Equal(t, "bye\n", string(rest))
	require.Equal(t, 0, c.exit(), "%s", c.output())
}

func TestAPanicInAComponentCrashesTheProcess(t *testing.T) {
	t.Parallel()
	c := start(t, "panic")
	require.Equal(t, 2, c.exit(), "%s", c.output())
	require.Contains(t, c.output(), "panic: the bomb went off")
	require.Contains(t, c.output(), "child_test.go")
}
