package graceful

// What a service manager that speaks sd_notify's protocol, as systemd does, is
// told of a run: that it is ready, that it stops and how long that may take
// yet, what it waits for, and that it is alive.

import (
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/belay-go/belay/internal/sdnotify"
)

const (
	// extendMargin is asked for on top of what the stop may take: main still
	// has to return.
	extendMargin = 5 * time.Second

	// extendBy is what a stop without a budget asks for at a time, three times
	// as often as it has to.
	extendBy = 30 * time.Second

	// A message that could not be delivered is tried again after retryFirst,
	// then after twice as long each time, up to retryMost.
	retryFirst = 10 * time.Millisecond
	retryMost  = 10 * time.Second

	// mostStatus bounds the status in a message: systemd drops one of more
	// than 4096 bytes as a whole.
	mostStatus = 3800
)

// A notice is what one message says. Several that could not be delivered make
// one.
type notice struct {
	ready, stopping bool
	reloading       bool
	main            int    // the pid of the process that speaks from now on; 0: none
	status          string // "": nothing new
	extend          bool   // the time that the stop may take
	ping            bool
}

// add puts a newer notice on top of n.
func (n *notice) add(newer notice) {
	n.stopping = n.stopping || newer.stopping
	n.ready = (n.ready || newer.ready) && !n.stopping // too late: the stop is final
	n.reloading = (n.reloading || newer.reloading) && !newer.ready && !n.stopping
	if newer.reloading {
		n.ready = false
	}
	if newer.main > 0 {
		n.main = newer.main
	}
	n.extend = n.extend || newer.extend
	n.ping = n.ping || newer.ping
	if newer.status != "" {
		n.status = newer.status
	}
}

// text is the notice as it is sent: one assignment a line.
func (n notice) text(extension time.Duration, clock func() (usec int64, ok bool)) string {
	var lines []string
	if n.reloading {
		lines = append(lines, "RELOADING=1")
		if usec, ok := clock(); ok {
			lines = append(lines, fmt.Sprintf("MONOTONIC_USEC=%d", usec))
		}
	}
	if n.ready {
		lines = append(lines, "READY=1")
	}
	if n.stopping {
		lines = append(lines, "STOPPING=1")
	}
	if n.main > 0 {
		lines = append(lines, fmt.Sprintf("MAINPID=%d", n.main))
	}
	if n.status != "" {
		lines = append(lines, "STATUS="+n.status)
	}
	if n.extend {
		lines = append(lines, fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", extension.Microseconds()))
	}
	if n.ping {
		lines = append(lines, "WATCHDOG=1")
	}
	return strings.Join(lines, "\n")
}

// A notifier sends notices; nil is none, where nobody listens. It is owned by
// Run's goroutine, which also wakes it: one that is wedged sends no pings. It
// never waits. What can't be delivered is owed, and said with what comes next.
type notifier struct {
	addr string
	send func(addr, text string) error
	log  *slog.Logger
	mute bool // another process speaks for the service

	owed  notice
	wait  time.Duration // before what is owed is tried again; 0: nothing failed
	again time.Time     // when that is over
	lost  bool          // a failure has been logged

	every time.Duration // between two pings; 0: none are wanted
	pulse time.Time     // when the next one is due

	store int // how many descriptors may be stored; 0: none

	stops   bool      // a stop has begun
	end     time.Time // of the time that it may take
	endless bool      // it may take any
	renew   time.Time // when an endless stop asks again

	timer <-chan time.Time // for the first of these; nil: none
}

// newNotifier returns the notifier of a run that begins at now. It takes the
// address out of the environment: a process has one story to tell, so the first
// Run tells it, and no child inherits what is said in our name.
func (m *Manager) newNotifier(log *slog.Logger, now time.Time, mute bool) *notifier {
	if !sdnotify.Supported {
		return nil
	}
	addr, every, store, variables := takeSupervisor()
	m.mu.Lock()
	m.mu.supervisor = variables
	m.mu.Unlock()
	if addr == "" {
		return nil
	}
	if addr[0] != '/' && addr[0] != '@' {
		log.Warn("graceful: NOTIFY_SOCKET is neither a path nor an abstract name", "addr", addr)
		return nil
	}
	n := &notifier{addr: addr, send: sdnotify.Send, log: log, mute: mute, every: every, pulse: now.Add(every), store: store}
	if m.sendNotice != nil {
		n.send = m.sendNotice
	}
	n.arm(now)
	return n
}

// environment keeps two Runs that begin at once from taking the same address.
var environment sync.Mutex

// takeSupervisor reads the variables that a service manager sets, and unsets
// them. variables are those that a process in our place needs.
func takeSupervisor() (addr string, every time.Duration, store int, variables []string) {
	environment.Lock()
	defer environment.Unlock()
	addr = os.Getenv("NOTIFY_SOCKET")
	if addr == "" {
		return "", 0, 0, nil
	}
	variables = []string{"NOTIFY_SOCKET=" + addr}
	every = pingEvery(os.Getenv("WATCHDOG_USEC"), os.Getenv("WATCHDOG_PID"), os.Getpid())
	if every > 0 { // without the pid, it is meant for whoever gets it
		variables = append(variables, "WATCHDOG_USEC="+os.Getenv("WATCHDOG_USEC"))
	}
	if n, err := strconv.Atoi(os.Getenv("FDSTORE")); err == nil && n > 0 {
		store = n
		variables = append(variables, "FDSTORE="+strconv.Itoa(n))
	}
	for _, name := range []string{"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "FDSTORE"} {
		_ = os.Unsetenv(name) // can't fail for such a name
	}
	return addr, every, store, variables
}

// pingEvery returns half of the time within which the service manager wants a
// ping; 0 if it wants none, or not from us.
func pingEvery(usec, pid string, self int) time.Duration {
	n, err := strconv.ParseInt(usec, 10, 64) // the largest uint64 means never
	if err != nil || n <= 0 || n > int64(forever/time.Microsecond) {
		return 0
	}
	if pid != "" && pid != strconv.Itoa(self) {
		return 0
	}
	return max(time.Duration(n)*time.Microsecond/2, time.Millisecond)
}

// say sends a notice, together with what is owed.
func (n *notifier) say(what notice, now time.Time) {
	if n == nil {
		return
	}
	n.owed.add(what)
	n.flush(now)
	n.arm(now)
}

// wake returns the channel on which the notifier wants to be woken by due.
func (n *notifier) wake() <-chan time.Time {
	if n == nil {
		return nil
	}
	return n.timer
}

// due sends what it is time for.
func (n *notifier) due(now time.Time) {
	var what notice
	if n.every > 0 && !now.Before(n.pulse) {
		what.ping, n.pulse = true, now.Add(n.every)
	}
	if n.endless && !now.Before(n.renew) {
		what.extend = true
	}
	n.say(what, now)
}

func (n *notifier) flush(now time.Time) {
	if n.mute || n.owed == (notice{}) {
		return
	}
	if err := n.send(n.addr, n.owed.text(n.extension(now), sdnotify.Monotonic)); err != nil {
		n.wait = min(max(2*n.wait, retryFirst), retryMost)
		n.again = now.Add(n.wait)
		if !n.lost {
			n.lost = true
			n.log.Warn("graceful: the service manager can't be reached", "addr", n.addr, "err", err)
		}
		return
	}
	if n.owed.extend {
		n.renew = now.Add(extendBy / 3)
	}
	n.owed, n.wait = notice{}, 0
}

// extension is how long the process may live on, from now.
func (n *notifier) extension(now time.Time) time.Duration {
	if n.endless {
		return extendBy
	}
	return min(max(0, n.end.Sub(now)), forever-extendMargin) + extendMargin
}

// arm sets the timer for what is due next.
func (n *notifier) arm(now time.Time) {
	var next time.Time
	sooner := func(t time.Time) {
		if next.IsZero() || t.Before(next) {
			next = t
		}
	}
	if n.owed != (notice{}) {
		sooner(n.again)
	}
	if n.every > 0 {
		sooner(n.pulse)
	}
	if n.endless && !n.owed.extend {
		sooner(n.renew)
	}
	n.timer = nil
	if !next.IsZero() && !n.mute {
		n.timer = time.After(next.Sub(now))
	}
}

// tellReady says that all components are up, and not what was waited for any
// more.
func (r *run) tellReady() {
	what := notice{ready: true}
	if r.told > 0 {
		what.status = "ready"
	}
	r.notify.say(what, time.Now())
	r.storeSockets()
}

// speak ends the silence of a process that has become the main one.
func (n *notifier) speak(now time.Time) {
	if n == nil || !n.mute {
		return
	}
	n.mute, n.pulse = false, now
	n.due(now)
}

// tellReloading says that a restart begins: the service is not quite as it was.
func (r *run) tellReloading() {
	if _, cause := r.m.reason(); cause != nil {
		return // a stop is final
	}
	r.notify.say(notice{reloading: true, status: "restarting"}, time.Now())
}

// tellServing says that the service goes on, whoever serves.
func (r *run) tellServing(status string) {
	if _, cause := r.m.reason(); cause == nil {
		r.notify.say(notice{ready: true, status: flat(status, mostStatus)}, time.Now())
	}
}

// tellMain says who speaks for the service from now on, and is silent then.
func (r *run) tellMain(pid int) {
	r.notify.say(notice{main: pid, status: fmt.Sprintf("replaced by pid %d", pid)}, time.Now())
	r.notify = nil
}

// tellStopping says that the stop begins, and until when it may take.
func (r *run) tellStopping(since time.Time, cause error) {
	if r.notify == nil {
		return
	}
	b := newBudget(r.m.total(cause), 1, since)
	r.notify.stops, r.notify.endless = true, b.total == forever
	r.notify.end = since.Add(b.total) // unused if that is forever
	r.notify.say(notice{stopping: true, status: flat(fmt.Sprintf("stopping: %v", cause), mostStatus), extend: true}, time.Now())
}

// tellWaiting says what the start or the stop waits for, if that is known, and
// how long the stop may take yet. Whoever kills us after the log has said so
// finds it everywhere: so first comes what can't block, and the log, which may
// be a pipe that nobody reads, comes after this. (A start has a limit of its
// own there, and no last words.)
func (r *run) tellWaiting(text string, stopping bool, now time.Time) {
	text = flat(text, mostStatus)
	if r.notify != nil {
		r.notify.say(notice{status: text, extend: r.notify.stops}, now)
	}
	if text != "" && stopping {
		r.writeTermination(text)
	}
}

// tellStopped says how the stop went.
func (r *run) tellStopped(rep Report) {
	clean := rep.ExitCode() == 0
	if clean && r.wroteTermination { // it waited for something that has ended well
		r.writeTermination("")
	}
	if clean && r.notify == nil {
		return
	}
	text := rep.brief(mostTermination)
	if n := r.notify; n != nil {
		status := text
		if clean {
			status, _, _ = strings.Cut(text, "\n")
		}
		// What is left to do is main's, and nobody pings for it. The extension
		// counts for the watchdog too; a ping with it would take it back.
		n.endless, n.end, n.owed.ping = false, time.Time{}, false
		n.say(notice{status: flat(status, mostStatus), extend: true}, time.Now())
	}
	if !clean {
		r.writeTermination(text)
	}
}

// flat makes one line of a text, in at most so many bytes. What stands in it
// may come from anywhere, and another line would be another assignment.
func flat(text string, most int) string {
	lines := strings.FieldsFunc(text, func(c rune) bool { return c == '\n' || c == '\r' })
	for i, line := range lines {
		lines[i] = strings.Join(strings.FieldsFunc(line, func(c rune) bool {
			return unicode.IsSpace(c) || unicode.IsControl(c)
		}), " ")
	}
	return cutText(strings.Join(lines, "; "), most)
}

// cutText returns as much of a text as goes into so many bytes, without half
// characters: neither systemd nor Kubernetes takes what isn't UTF-8.
func cutText(text string, most int) string {
	text = strings.ToValidUTF8(text, "?")
	if len(text) <= most {
		return text
	}
	for !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}
