package belayredis_test

// This file has what needs real processes: Redis itself where it is installed,
// and the test binary as the members of a fleet.

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	belayredis "github.com/belay-go/belay/contrib/redis"
	"github.com/belay-go/belay/contrib/redis/goredis"
)

// roleEnv makes the test binary a member of a fleet: it names the address of
// Redis and the lease.
const roleEnv = "BELAYREDIS_TEST_MEMBER"

// What the processes share.
const (
	fleetLimit = 300
	fleetBurst = 60
)

// play takes until its standard input ends, and prints when each grant was: no
// earlier and no later than two instants.
func play(role string) int {
	if addr, keeps, ok := unitsRole(role); ok {
		return holdUnits(addr, keeps)
	}
	addr, lease, _ := strings.Cut(role, " ")
	k, _ := strconv.ParseInt(lease, 10, 64)
	c := redis.NewClient(options(addr))
	defer c.Close()
	r, err := belayredis.NewRate(context.Background(), belayredis.RateOptions{
		Fleet: belayredis.Fleet{Store: goredis.New(c), Key: "fleet", Logger: quiet, Timeout: 200 * time.Millisecond, Probe: 300 * time.Millisecond},
		Limit: fleetLimit, Burst: fleetBurst, Lease: k,
	})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	fmt.Fprintln(out, "ready")
	out.Flush()
	over := make(chan struct{})
	go func() { // ends with the input
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(over)
	}()
	for {
		select {
		case <-over:
			fmt.Fprintln(out, "end", r.State().Members)
			return 0
		default:
		}
		before := time.Now().UnixNano()
		_, err := r.TryTake(1)
		if after := time.Now().UnixNano(); err == nil {
			mode := r.State().Mode
			fmt.Fprintln(out, before, after, mode)
			out.Flush() // the test waits for it
		} else {
			time.Sleep(time.Millisecond)
		}
	}
}

// leaks is the exit code of a test binary that left something behind.
func leaks() int {
	buf := make([]byte, 1<<20)
	for limit := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		stacks := string(buf[:runtime.Stack(buf, true)])
		if !strings.Contains(stacks, "contrib/redis.(") {
			return 0
		}
		if time.Now().After(limit) {
			fmt.Fprintln(os.Stderr, "leaked:\n"+stacks)
			return 1
		}
	}
}

// server is a redis-server of the test's own.
type server struct {
	t    *testing.T
	addr string
	dir  string
	args []string
	cmd  *exec.Cmd
	gone chan struct{} // closed when cmd has ended
}

// serverOf starts a Redis on a free port, where the machine has one.
func serverOf(t *testing.T, args ...string) *server {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("redis-server is not installed")
	}
	s := &server{t: t, dir: t.TempDir(), args: args}
	t.Cleanup(s.kill)
	for tries := 5; ; tries-- { // somebody else may take the port before it does
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		s.addr = l.Addr().String()
		require.NoError(t, l.Close())
		if s.began() {
			return s
		}
		require.Positive(t, tries, "redis-server finds no port")
	}
}

func (s *server) port() string { return s.addr[strings.LastIndex(s.addr, ":")+1:] }

// start starts it, and returns when it answers.
func (s *server) start() {
	s.t.Helper()
	require.True(s.t, s.began(), "redis-server has ended")
}

// began starts it, and returns whether it answers: it may end at once instead.
func (s *server) began() bool {
	s.t.Helper()
	args := append([]string{"--port", s.port(), "--bind", "127.0.0.1", "--save", "", "--dir", s.dir}, s.args...)
	s.cmd = exec.Command("redis-server", args...)
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(s.t, err)
	s.cmd.Stdout, s.cmd.Stderr = log, log
	require.NoError(s.t, s.cmd.Start())
	gone, cmd := make(chan struct{}), s.cmd
	go func() { // ends with the process
		_ = cmd.Wait()
		close(gone)
	}()
	s.gone = gone
	require.NoError(s.t, log.Close())
	c := s.client()
	itself := fmt.Sprintf("process_id:%d\r", s.cmd.Process.Pid) // not another one, on the same port
	answers := false
	eventually(s.t, "redis-server", func() bool {
		answers = strings.Contains(c.Info(context.Background(), "server").Val(), itself)
		select {
		case <-s.gone:
			return true
		default:
			return answers
		}
	})
	return answers
}

func (s *server) client() *redis.Client {
	c := redis.NewClient(options(s.addr))
	s.t.Cleanup(func() { _ = c.Close() })
	return c
}

func (s *server) kill() {
	if s.cmd != nil {
		_ = s.cmd.Process.Kill()
		<-s.gone
		s.cmd = nil
	}
}

// grant is one token, used between two instants.
type grant struct {
	before, after int64
	mode          string
}

// member is a process of the fleet.
type member struct {
	t      *testing.T
	cmd    *exec.Cmd
	in     io.WriteCloser
	lines  *bufio.Scanner
	mu     sync.Mutex // guards grants while it runs
	grants []grant
	fleet  int
}

// since returns how many grants there were after an instant, in that mode or, if
// it is "", in any.
func (m *member) since(at time.Time, mode string) (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, g := range m.grants {
		if g.before > at.UnixNano() && (mode == "" || g.mode == mode) {
			n++
		}
	}
	return n
}

func startMember(t *testing.T, addr string, lease int) *member {
	t.Helper()
	return startRole(t, fmt.Sprint(addr, " ", lease))
}

// startRole starts the test binary in a role, and returns when it is ready.
func startRole(t *testing.T, role string) *member {
	t.Helper()
	m := &member{t: t, cmd: exec.Command(os.Args[0])}
	m.cmd.Env = append(os.Environ(), roleEnv+"="+role, "GORACE=atexit_sleep_ms=10")
	m.cmd.Stderr = os.Stderr
	var err error
	m.in, err = m.cmd.StdinPipe()
	require.NoError(t, err)
	out, err := m.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, m.cmd.Start())
	t.Cleanup(func() {
		_ = m.cmd.Process.Kill()
		_ = m.cmd.Wait()
	})
	m.lines = bufio.NewScanner(out)
	require.True(t, m.lines.Scan())
	require.Equal(t, "ready", m.lines.Text())
	return m
}

// read reads the grants until the process has ended.
func (m *member) read() error {
	for m.lines.Scan() {
		var g grant
		if _, err := fmt.Sscan(m.lines.Text(), &g.before, &g.after, &g.mode); err == nil {
			m.mu.Lock()
			m.grants = append(m.grants, g)
			m.mu.Unlock()
		} else if _, err := fmt.Sscanf(m.lines.Text(), "end %d", &m.fleet); err != nil {
			return err
		}
	}
	return m.cmd.Wait()
}

// worst returns by how much the grants that were certainly within a window exceed
// limit·t, in the worst of all windows.
func worst(grants []grant, limit float64) (excess float64) {
	byEnd := append([]grant(nil), grants...)
	sort.Slice(byEnd, func(i, j int) bool { return byEnd[i].after < byEnd[j].after })
	for _, first := range grants {
		n := 0.0
		for _, g := range byEnd {
			if g.before < first.before {
				continue
			}
			n++
			excess = max(excess, n-limit*float64(g.after-first.before)/1e9)
		}
	}
	return excess
}

func TestTheWorstWindowIsFound(t *testing.T) {
	var fair []grant
	for i := range int64(100) {
		fair = append(fair, grant{before: i * 1e7, after: i*1e7 + 10})
	}
	require.InDelta(t, 1, worst(fair, 100), 1e-3)
	for range 5 {
		fair = append(fair, grant{before: 5e8, after: 5e8 + 5})
	}
	require.InDelta(t, 6, worst(fair, 100), 1e-3)
}

// Three processes share a rate while Redis is killed in the middle, with all that
// it knew, and comes back. The bound holds over every window, from the first grant to
// the last, and the fleet is served all the time.
func TestThreeProcessesKeepTheBoundWhileRedisDiesAndComesBack(t *testing.T) {
	for _, lease := range []int{0, 10} {
		redis := serverOf(t)
		var fleet []*member
		ended := make(chan error, 3)
		for range 3 {
			fleet = append(fleet, startMember(t, redis.addr, lease))
		}
		for _, m := range fleet {
			go func() { ended <- m.read() }()
		}
		began := time.Now()
		time.Sleep(1500 * time.Millisecond)
		redis.kill()
		killed := time.Now()
		time.Sleep(1500 * time.Millisecond)
		dim := killed.Add(500 * time.Millisecond)
		eventually(t, "nobody is served without Redis", func() bool {
			return slices.ContainsFunc(fleet, func(m *member) bool { return m.since(dim, "") > 0 })
		})
		back := time.Now()
		redis.start()
		time.Sleep(2 * time.Second)
		// On a busy machine they come back one by one. Each has been told of all three
		// by what it takes after the last of them has, past what it had leased.
		for range 2 {
			from := time.Now()
			eventually(t, "they don't all go back to Redis", func() bool {
				return !slices.ContainsFunc(fleet, func(m *member) bool { return m.since(from, "shared") <= lease })
			})
		}
		for _, m := range fleet {
			require.NoError(t, m.in.Close())
		}
		for range fleet {
			require.NoError(t, <-ended)
		}
		redis.kill()
		var all []grant
		modes := map[string]int{}
		for _, m := range fleet {
			require.Equal(t, 3, m.fleet)
			all = append(all, m.grants...)
		}
		dark, late := 0, 0
		for _, g := range all {
			modes[g.mode]++
			if g.before > dim.UnixNano() && g.after < back.UnixNano() {
				dark++
			}
			if g.mode == "shared" && g.before > back.UnixNano() {
				late++
			}
		}
		excess := worst(all, fleetLimit)
		t.Logf("lease %d: %d grants in %v, worst window %.1f above limit·t, burst %d; %d without Redis, %d shared again, %v",
			lease, len(all), time.Since(began), excess, fleetBurst, dark, late, modes)
		require.LessOrEqual(t, excess, float64(fleetBurst)+0.01)
		require.Positive(t, dark, "nobody was served without Redis")
		require.Positive(t, late, "nobody went back to Redis")
	}
}
