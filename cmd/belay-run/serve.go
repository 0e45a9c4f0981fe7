//go:build unix

package main

// The edge: signals, processes and requests come in here and go to the
// supervisor, one after the other.

import (
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/belay-go/belay/internal/sdnotify"
)

// echoTime is how long the same signal counts as one, if it is for us: a terminal
// or an init process sends it to the group and to the pid.
const echoTime = 200 * time.Millisecond

var echoes = map[os.Signal]bool{os.Interrupt: true, syscall.SIGTERM: true, syscall.SIGHUP: true}

// edge is what happens outside.
type edge struct {
	*supervisor
	events chan func(now time.Time)
	done   chan struct{} // closed when nobody takes events any more
	manager
}

// manager is the service manager above.
type manager struct {
	addr  string
	every time.Duration // between two pings; 0: none are wanted
}

// serve runs the servers until they are stopped, and returns the exit code.
func serve(c config, stderr io.Writer) int {
	var handler slog.Handler = slog.NewTextHandler(stderr, nil)
	if c.logJSON {
		handler = slog.NewJSONHandler(stderr, nil)
	}
	log := slog.New(handler)
	fail := func(err error) int {
		fmt.Fprintf(stderr, "belay-run: %v\n", err)
		return 1
	}
	signals := make(chan os.Signal, 64)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGCHLD,
		syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH)
	defer signal.Stop(signals)
	// Whoever reads our log may end: that is not to be our end, too. Ignored it
	// would be so for the servers as well.
	unread := make(chan os.Signal, 1)
	signal.Notify(unread, syscall.SIGPIPE)
	defer signal.Stop(unread)
	self, err := ownPath()
	if err != nil {
		return fail(err)
	}
	dir := folder(c.name)
	if err := makeFolder(dir); err != nil {
		return fail(fmt.Errorf("the control socket's folder: %w", err))
	}
	defer os.Remove(dir) // if it is empty
	e := &edge{
		supervisor: &supervisor{config: c},
		events:     make(chan func(time.Time), 64),
		done:       make(chan struct{}),
		manager:    above(),
	}
	ctl, err := listenControl(dir, log, e.ask)
	if err != nil {
		return fail(fmt.Errorf("the control socket: %w", err))
	}
	defer ctl.close()
	defer close(e.done) // before: what has no answer by then gets none
	removeOld(dir)
	for i := range e.listen {
		defer e.listen[i].close()
		if err := e.listen[i].open(); err != nil {
			return fail(fmt.Errorf("-listen %s: %w", e.listen[i].name, err))
		}
	}
	adopt()
	st := &starter{self: self, command: c.command, sockets: e.listen}
	e.system = system{
		start:  func(s *server) (int, error) { return e.start(st, dir, s) },
		signal: send,
		runs:   runs,
		ours:   ours,
		tell:   e.tellUp,
		log:    log,
	}
	return e.loop(signals)
}

// loop is the one goroutine that the supervisor has.
func (e *edge) loop(signals <-chan os.Signal) int {
	e.begin(time.Now())
	last := map[os.Signal]time.Time{}
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	ping := time.NewTicker(cmp.Or(e.every, time.Hour))
	defer ping.Stop()
	for {
		next := e.tick(time.Now())
		if e.over() {
			return e.finish()
		}
		wait := time.Hour
		if !next.IsZero() {
			wait = time.Until(next)
		}
		timer.Reset(wait)
		select {
		case sig := <-signals:
			now := time.Now()
			again := now.Sub(last[sig]) < echoTime
			if !again || !echoes[sig] {
				last[sig] = now
				e.signalled(sig.(syscall.Signal), now)
			}
		case f := <-e.events:
			f(time.Now())
		case <-timer.C:
		case <-ping.C:
			if e.every > 0 {
				e.tellUp("WATCHDOG=1")
			}
		}
	}
}

// signalled does what a signal asks for.
func (e *edge) signalled(sig syscall.Signal, now time.Time) {
	switch sig {
	case syscall.SIGCHLD:
		e.reap()
	case syscall.SIGHUP:
		e.beginRestart(now, func(error) {})
	case syscall.SIGINT:
		if e.stopping {
			e.force(now)
			return
		}
		e.stop(now, nil)
	case syscall.SIGTERM:
		e.stop(now, nil)
	default:
		e.forward(sig)
	}
}

// reap waits for all children that have ended. What one has said before comes
// first: it may have put another process in its place.
func (e *edge) reap() {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil || pid <= 0 {
			return
		}
		text := "exit status " + strconv.Itoa(status.ExitStatus())
		if status.Signaled() {
			text = "signal: " + status.Signal().String()
		}
		_, server := e.find(pid)
		if server == nil {
			continue // an orphan
		}
		server.reaped = true
		server.notices.after(func() {
			e.post(func(now time.Time) { e.exited(pid, text, now) })
		})
	}
}

// post has f called by the loop; false: it has ended.
func (e *edge) post(f func(now time.Time)) bool {
	select {
	case e.events <- f:
		return true
	case <-e.done:
		return false
	}
}

// ask takes a request of the control socket, and returns when it is answered;
// false: it won't be.
func (e *edge) ask(verb string) (reply, bool) {
	answers := make(chan reply, 1)
	answer := func(err error) {
		r := reply{}
		if err != nil {
			r.Error = err.Error()
		}
		answers <- r
	}
	e.post(func(now time.Time) {
		switch verb {
		case "status":
			answers <- reply{Status: e.status(os.Getpid(), now)}
		case "restart":
			e.beginRestart(now, answer)
		case "stop":
			e.stop(now, answer)
		}
	})
	select {
	case r := <-answers:
		return r, true
	case <-e.done:
	}
	select { // the end of a stop is its answer
	case r := <-answers:
		return r, true
	default:
		return reply{}, false
	}
}

// start starts a server, and listens to it.
func (e *edge) start(st *starter, dir string, s *server) (pid int, err error) {
	s.notices, err = listenTo(dir, s.number, func(text string) {
		e.post(func(now time.Time) { e.noticed(s, text, now) })
	})
	if err != nil {
		return 0, err
	}
	return st.start(s.notices.path)
}

// send signals a process, or a group if the number is negative.
func send(pid int, sig syscall.Signal) {
	_ = syscall.Kill(pid, sig) // fails for one that is gone
}

// runs says whether a process, or one of a group if the number is negative, is
// there.
func runs(pid int) bool { return syscall.Kill(pid, 0) != syscall.ESRCH }

// above reads who the service manager is, and keeps its variables from servers.
func above() (m manager) {
	m.addr = os.Getenv("NOTIFY_SOCKET")
	if usec, err := strconv.ParseInt(os.Getenv("WATCHDOG_USEC"), 10, 64); err == nil && usec > 0 && m.addr != "" {
		if pid := os.Getenv("WATCHDOG_PID"); pid == "" || pid == strconv.Itoa(os.Getpid()) {
			m.every = time.Duration(usec) * time.Microsecond / 2
		}
	}
	return m
}

func (e *edge) tellUp(text string) {
	if e.addr == "" {
		return
	}
	if err := sdnotify.Send(e.addr, text); err != nil {
		e.log.Warn("the service manager can't be reached", "err", err)
	}
}
