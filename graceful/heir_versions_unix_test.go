//go:build unix

package graceful_test

// Processes that speak other versions of the handover, or none: one side is the
// real one, the other is played line by line.

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/internal/handover"
)

func init() { plays["lines"] = playLines }

// A peer is one end of a link, as lines.
type peer struct {
	conn  net.Conn
	lines *bufio.Scanner
}

func newPeer(f *os.File) (*peer, error) {
	defer f.Close()
	c, err := net.FileConn(f)
	if err != nil {
		return nil, err
	}
	_ = c.SetDeadline(time.Now().Add(patience))
	return &peer{c, bufio.NewScanner(c)}, nil
}

func (p *peer) say(format string, args ...any) { fmt.Fprintf(p.conn, format+"\n", args...) }

// hears waits for a message of that kind; nil: there will be none.
func (p *peer) hears(kind handover.Kind) (m *handover.Message) {
	for p.lines.Scan() {
		m = &handover.Message{}
		if json.Unmarshal(p.lines.Bytes(), m) != nil {
			return nil
		}
		if m.Kind == kind {
			return m
		}
	}
	return nil
}

// playLines is the new process as an actor plays it: what it says is given by
// LINES, where "accept!" and "main!" are what it waits for, and "serve!" is when
// it accepts. It stays until it is killed.
func playLines(string) int {
	n, _ := strconv.Atoi(os.Getenv("LISTEN_FDS"))
	p, err := newPeer(os.NewFile(uintptr(3+n), "link"))
	if err != nil || p.hears(handover.Hello) == nil {
		say("no hello: %v", err)
		return 1
	}
	for line := range strings.Lines(os.Getenv("LINES")) {
		switch line = strings.TrimSuffix(line, "\n"); line {
		case "accept!":
			p.hears(handover.Accept)
		case "main!":
			p.hears(handover.Main)
			say("the main one")
		case "serve!":
			ln, err := net.FileListener(os.NewFile(3, "socket"))
			if err != nil {
				return 1
			}
			go func() { // ends with the process
				_ = http.Serve(ln, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, os.Getpid()) }))
			}()
		case "long!":
			_, _ = io.WriteString(p.conn, strings.Repeat("x", 2<<20))
		default:
			p.say("%s", line)
		}
	}
	for p.lines.Scan() { // until the end of the link
	}
	wait(patience)
	return 0
}

// actor is a program that plays the new process.
func actor(t *testing.T, lines string) (variable string) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	program := filepath.Join(t.TempDir(), "program")
	script := fmt.Sprintf("#!/bin/sh\n%s=lines LINES='%s' exec %s\n", childEnv, lines, self)
	require.NoError(t, os.WriteFile(program, []byte(script), 0o755))
	return "PROGRAM=" + program
}

const helloOfLeast = `{"kind":"hello","version":%d,"pid":1,"path":"/old","revision":"before","mood":{"good":true}}` + "\n"

func TestANewProcessOfAnotherVersionTakesThePlaceOfThisOne(t *testing.T) {
	t.Parallel()
	for _, version := range []int{handover.Least, handover.Version, handover.Version + 7} {
		s := serve(t, "PROBATION=50ms", actor(t, fmt.Sprintf(helloOfLeast, version)+`{"kind":"dance","steps":2}
{"kind":"ready","taken":["http","what is that"],"fds":0}
accept!
serve!
{"kind":"accepting","how":"well"}
{"kind":"dance"}
main!`))
		old := s.pid
		require.Empty(t, s.restart())
		heir := s.get("/pid")
		require.NotEqual(t, strconv.Itoa(old), heir)
		s.saw("the main one")
		s.saw(fmt.Sprintf("process %d is done: <nil>", old))
		require.Equal(t, heir, s.get("/pid"))
		pid, err := strconv.Atoi(heir)
		require.NoError(t, err)
		require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
		require.Equal(t, 0, s.exit(), "%s", s.output())
	}
}

func TestANewProcessThatSpeaksNonsenseChangesNothing(t *testing.T) {
	t.Parallel()
	hello := fmt.Sprintf(helloOfLeast, handover.Least)
	ready := hello + `{"kind":"ready","taken":["http"]}` + "\naccept!\n"
	for lines, want := range map[string]string{
		fmt.Sprintf(helloOfLeast, 0) + `{"kind":"ready","taken":["http"]}`: "too old",
		`{"kind":"ready","taken":["http"]}`:                                "too old",
		"GET / HTTP/1.1":                                                   "the handover is broken: a message that isn't one",
		hello + "ready":                                                    "the handover is broken: a message that isn't one",
		hello + `{"kind":"ready","fds":1}`:                                 "came without its descriptors",
		hello + "long!":                                                    "a message of more than",
		ready + "accepting":                                                "the handover is broken: a message that isn't one",
		ready + `{"kind":"stop","reason":"no wish to"}`:                    "stops: no wish to",
		ready + `{"kind":"ready"}`:                                         "did not accept within 5s",
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			s := serve(t, actor(t, lines))
			require.Contains(t, s.restart(), want)
			require.Equal(t, strconv.Itoa(s.pid), s.get("/pid"))
			require.Equal(t, 1, strings.Count(s.output(), "cron starts"))
			require.NotContains(t, s.output(), "cron stops")
			s.kill(syscall.SIGTERM)
			require.Equal(t, 0, s.exit(), "%s", s.output())
		})
	}
}

func TestANewProcessThatSpeaksNonsenseOnProbationIsEnded(t *testing.T) {
	t.Parallel()
	s := serve(t, "PROBATION=20s", actor(t, fmt.Sprintf(helloOfLeast, handover.Least)+`{"kind":"ready","taken":["http"]}
accept!
serve!
{"kind":"accepting"}
what?`))
	require.Empty(t, s.restart())
	s.saw("what the new process says can't be understood")
	s.saw("this one serves again")
	require.Equal(t, strconv.Itoa(s.pid), s.get("/pid"))
	s.kill(syscall.SIGTERM)
	require.Equal(t, 0, s.exit(), "%s", s.output())
}

// An elder is the old process, played by the test.
type elder struct {
	*peer
	*service
	ln *net.TCPListener
}

// age starts a real new process, whose old one says hello first.
func age(t *testing.T, hello string, pairs ...string) *elder {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	e := &elder{ln: ln.(*net.TCPListener)}
	socket, err := e.ln.File()
	require.NoError(t, err)
	syscall.ForkLock.RLock() // no child of another test may get it before it is marked, or all that child's children have it
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fds[0])
		syscall.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	require.NoError(t, err)
	ours, theirs := os.NewFile(uintptr(fds[0]), "link"), os.NewFile(uintptr(fds[1]), "link")
	e.peer, err = newPeer(ours)
	require.NoError(t, err)
	r, w, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() {
		_, _ = ln.Close(), w.Close()
		_ = e.conn.Close()
	})
	e.peer.say("%s", strings.ReplaceAll(hello, "PID", strconv.Itoa(os.Getpid())))
	pairs = append(pairs, "BELAY_PARENT="+strconv.Itoa(os.Getpid()), "LISTEN_FDS=1", "LISTEN_FDNAMES=http")
	e.service = &service{child: spawn(t, "restart", env(pairs...), func(cmd *exec.Cmd) { cmd.ExtraFiles = []*os.File{socket, theirs, r} })}
	for _, f := range []*os.File{socket, theirs, r} {
		require.NoError(t, f.Close())
	}
	return e
}

const helloOfElder = `{"kind":"hello","version":%d,"pid":PID,"generation":4,"mood":"good","sockets":[{"name":"http","addr":"127.0.0.1:0","color":3}],` +
	`"draining":[{"pid":PID,"since":"2026-01-02T03:04:05Z"}],"exclusive":["cron"]}`

func TestThisProcessTakesThePlaceOfOneOfAnotherVersion(t *testing.T) {
	t.Parallel()
	for _, version := range []int{handover.Least, handover.Version, handover.Version + 7} {
		e := age(t, fmt.Sprintf(helloOfElder, version))
		hello := e.hears(handover.Hello)
		require.NotNil(t, hello)
		require.Equal(t, e.cmd.Process.Pid, hello.PID)
		require.Equal(t, 4, hello.Generation)
		ready := e.hears(handover.Ready)
		require.NotNil(t, ready)
		require.Equal(t, []string{"http"}, ready.Taken)
		e.peer.say(`{"kind":"dance","with":"me"}`)
		e.peer.say(`{"kind":"accept"}`)
		require.NotNil(t, e.hears(handover.Accepting))
		e.ready()
		require.Equal(t, e.ln.Addr().String(), e.addr)
		require.Equal(t, strconv.Itoa(e.pid), e.get("/pid"))
		require.NotContains(t, e.output(), "cron starts")
		e.peer.say(`{"kind":"freed","name":"cron","and":"more"}`)
		e.saw("cron starts")
		e.peer.say(`{"kind":"main"}`)
		e.saw("the probation is over")
		require.NoError(t, e.ln.Close())
		e.kill(syscall.SIGTERM)
		require.Equal(t, 0, e.exit(), "%s", e.output())
	}
}

// Nothing is started, and nothing is accepted, beside a process that is alive
// but can't be understood.
func TestAnOldProcessThatSpeaksNonsenseIsLeftAlone(t *testing.T) {
	t.Parallel()
	good := fmt.Sprintf(helloOfElder, handover.Version)
	for name, c := range map[string]struct {
		hello string
		then  []string
		want  string
	}{
		"too old":             {fmt.Sprintf(helloOfElder, 0), nil, "too old"},
		"no hello":            {"hello", nil, "a message that isn't one"},
		"another kind":        {`{"kind":"accept"}`, nil, "doesn't begin with a hello"},
		"other sockets":       {strings.Replace(good, `"sockets"`, `"pockets"`, 1), nil, "doesn't begin with a hello of these sockets"},
		"no generation":       {strings.Replace(good, `"draining"`, `"raining"`, 1), nil, "the last generation"},
		"descriptors":         {strings.Replace(good, `{`, `{"fds":2,`, 1), nil, "came without its descriptors"},
		"nonsense later":      {good, []string{"what?"}, "a message that isn't one"},
		"nonsense in between": {good, []string{`{"kind":"dance"}`, `{"kind":"accept","fds":9}`}, "came without its descriptors"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := age(t, c.hello)
			for _, line := range c.then {
				e.peer.say("%s", line)
			}
			e.exit()
			require.Contains(t, e.output(), fmt.Sprintf("process %d is done: graceful: the handover is broken: ", e.cmd.Process.Pid))
			require.Contains(t, e.output(), c.want)
			require.NotContains(t, e.output(), "cron starts")
			require.NotContains(t, e.output(), "\nready ")
		})
	}
}

// On probation it has accepted, and ends what it has accepted.
func TestAnOldProcessThatSpeaksNonsenseOnProbationIsGivenItsPlaceBack(t *testing.T) {
	t.Parallel()
	e := age(t, fmt.Sprintf(helloOfElder, handover.Version))
	require.NotNil(t, e.hears(handover.Ready))
	e.peer.say(`{"kind":"accept"}`)
	require.NotNil(t, e.hears(handover.Accepting))
	e.ready()
	slow := begin(t, &http.Client{Transport: &http.Transport{}}, "http://"+e.addr+"/slow?d=300ms")
	e.peer.say("what?")
	m := e.hears(handover.Stop)
	require.NotNil(t, m)
	require.Contains(t, m.Reason, "the handover is broken")
	e.exit()
	require.Equal(t, "begin end", slow.body(t))
}

// versionBefore returns the test binary of the version before this one, to stand on
// the other side of a restart: that of the last tag, or of the commit that
// GRACEFUL_TEST_BEFORE names. Where there is none, as in a shallow clone, or none
// that restarts yet, the actors above have the least version that is understood,
// and stand for it.
func versionBefore(t *testing.T) (binary string, ok bool) {
	t.Helper()
	ref := os.Getenv("GRACEFUL_TEST_BEFORE")
	if ref == "" {
		out, err := exec.Command("git", "describe", "--tags", "--abbrev=0").Output()
		if err != nil {
			return "", false
		}
		ref = strings.TrimSpace(string(out))
	}
	dir := t.TempDir()
	script := `set -e; cd "$(git rev-parse --show-toplevel)"; git cat-file -e "$1:graceful/restart_unix_test.go" && git archive "$1" | tar -x -C "$2"`
	if out, err := exec.Command("sh", "-c", script, "sh", ref, dir).CombinedOutput(); err != nil {
		t.Logf("%s: %v %s", ref, err, out)
		return "", false
	}
	binary = filepath.Join(dir, "before.test")
	build := exec.Command("go", "test", "-c", "-o", binary, "./graceful")
	build.Dir = dir
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s: %s", ref, out)
	return binary, true
}

func TestTheVersionBeforeReplacesThisOneAndIsReplacedByIt(t *testing.T) {
	t.Parallel()
	binary, ok := versionBefore(t)
	if !ok {
		t.Log("there is no version before this one")
		return
	}
	self, err := os.Executable()
	require.NoError(t, err)
	program := filepath.Join(t.TempDir(), "program")
	require.NoError(t, os.Symlink(binary, program))
	s := serve(t, "PROGRAM="+program, "PROBATION=100ms")
	for i := range 4 {
		was := s.pid
		s.replace()
		s.saw(fmt.Sprintf("process %d is done: <nil>", was))
		require.Equal(t, strconv.Itoa(s.pid), s.get("/pid"))
		exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", s.pid))
		if err == nil {
			require.Equal(t, []string{binary, self}[i%2], exe)
		}
		require.NoError(t, os.Remove(program))
		require.NoError(t, os.Symlink([]string{self, binary}[i%2], program))
	}
	s.kill(syscall.SIGTERM)
	require.Equal(t, 0, s.exit(), "%s", s.output())
}
