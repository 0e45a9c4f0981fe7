package graceful

// The manager: what it holds, its states, and the calls that may come from
// anywhere.

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"github.com/belay-go/belay/internal/ctxerr"
	"github.com/belay-go/belay/internal/handover"
)

// Options are the knobs of a [Manager]; the zero value has the defaults.
type Options struct {
	// Budget bounds the whole stop, from its cause to the return of Run.
	// Zero is 25 s, negative is none.
	Budget time.Duration

	// Delay is how long the process serves on after SIGTERM with its readiness
	// off, for load balancers to notice; meanwhile more and more http clients
	// are told to go. Zero is 5 s in Kubernetes (KUBERNETES_SERVICE_HOST is
	// set) and none elsewhere, negative is none. It is a part of Budget, and
	// never follows another reason to stop, or comes before the process was
	// ready.
	Delay time.Duration

	// DelayQuiet, if positive, ends the delay as soon as there has been no
	// new request for that long, and no new connection that may bring one.
	// Requests that [Manager.Readyz] or [Manager.Livez] answers don't count.
	// Of servers other than [HTTP], only new connections are seen.
	DelayQuiet time.Duration

	// StopOnPanic makes a panic of a component's Start, Run or Serve begin the
	// ordered stop, as a failure with a [*belay.PanicError]. It is false by
	// default: the process crashes, as it does in any case for a panic on a
	// goroutine that the component has started itself.
	StopOnPanic bool

	// ForceOnSecondTerm makes a second SIGTERM force the stop, as a second
	// SIGINT always does. Kubelets and others repeat SIGTERM without meaning
	// that, so it is false by default.
	ForceOnSecondTerm bool

	// Signals begin the stop. Nil is SIGINT and SIGTERM; an empty slice is
	// none, and leaves the process's signals alone.
	Signals []os.Signal

	// Logger gets one line per event of the manager's life, with stable
	// keys. Nil is slog.Default(). Its handler is called on Run's goroutine:
	// one that blocks, as on a pipe that nobody reads, holds up the stop.
	Logger *slog.Logger

	// TerminationLog is the file in which a stop leaves its last words, for
	// Kubernetes to show them: what it waits for while it takes long, and the
	// report if its exit code isn't 0, in at most 4096 bytes, in the place of
	// what stood there. It is written only if it exists and is a regular file.
	// Empty is /dev/termination-log, the default of a container's
	// terminationMessagePath; "-" is none.
	TerminationLog string

	// Restart says whether and how another process may take this one's place.
	Restart RestartOptions

	// OnReady is called once, on Run's goroutine, when all components are
	// up; [Manager.Addr] has their addresses. It is not called if a stop has
	// begun. In a process that takes another one's place that is when it
	// accepts. It must be quick: while it runs, no signal is looked at, and the
	// stop that one asks for waits.
	OnReady func()
}

// state is where a manager is in its life. It only ever grows.
type state uint8

const (
	// stateNew is entered by New and left by Run. Components are added.
	stateNew state = iota
	// stateStarting is entered by Run; it is left when the last component
	// is up, or with the first cause for a stop.
	stateStarting
	// stateReady is entered when all components are up, and left with the
	// first cause for a stop. Readyz answers 200.
	stateReady
	// statePreStop is entered with that cause. Nothing has been stopped yet.
	statePreStop
	// stateDraining is entered when the first phase begins to stop, if a
	// phase that has sockets is still to be stopped.
	stateDraining
	// stateStopping is entered when no such phase is left.
	stateStopping
	// stateDone is entered when Run returns, and never left.
	stateDone
)

var stateNames = [...]string{"new", "starting", "ready", "pre-stop", "draining", "stopping", "done"}

func (s state) String() string { return stateNames[s] }

// A Manager starts and stops components. Make one with [New]; the zero Manager
// works as well, with the default Options. It runs once. All its methods may
// be called concurrently, also by the components, and none but Run waits for
// anything of theirs.
//
// What was written before a component was given to Add is visible to it; for
// what it writes, see [Component]. All of it, except what stuck components
// write, is visible after Run has returned.
type Manager struct {
	opts Options

	// In place of the service manager's socket, for tests; nil otherwise.
	sendNotice func(addr, text string) error

	// Called at the named points of a restart, by whichever goroutine is there,
	// for tests; nil otherwise.
	at func(point string)

	mu struct {
		sync.Mutex
		state   state
		parts   []*part       // in order of Add; sorted by phase from Run on
		cause   error         // the first reason to stop
		since   time.Time     // when there was one
		failed  bool          // the reason is a component's failure
		forced  os.Signal     // that cut the stop short; nil: none
		began   time.Time     // when Run did
		entered time.Time     // when the state was; zero: it is new
		ready   bool          // it has been
		last    *Report       // what Run returned; nil before that
		wake    chan struct{} // tells Run to look again; nil before it
		label   string        // of this manager's goroutines
		profile *profile      // that is being taken; nil: none
		looks   int           // goroutine profiles taken

		observers []func(Report)
		changes   uint64    // of what observers are told
		attempts  []attempt // to restart, the last few
		tried     int       // how many there were
		refused   int       // and how many of them have failed

		run        *run         // nil before Run
		asked      []func(*run) // what Run's goroutine is to do
		succession *succession  // the restart that is under way; nil: none

		generation int                   // how many processes there were before; 0: none
		earlier    []handover.Generation // those that may still drain
		main       chan struct{}         // closed when this process is not on probation any more; nil: it is not
		supervisor []string              // variables that the process that takes our place needs
	}
}

// New returns a manager. It starts nothing.
func New(opts Options) *Manager { return &Manager{opts: opts} }

// Add adds components to a phase. Phases are started in ascending order and
// stopped in descending order; the numbers need not be consecutive. A usual
// order is: telemetry, pools, workers, servers.
//
// It panics for a component without a name or a function, with Serve but
// without a socket or the reverse, with HandOverIdle but not made by [HTTP], for a name used twice, and after Run was
// called.
func (m *Manager) Add(phase int, components ...Component) {
	for i := range components {
		components[i].check()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.mu.state != stateNew {
		panic("graceful: Add after Run")
	}
	parts := m.mu.parts
	for _, c := range components {
		for _, p := range parts {
			if p.Name == c.Name {
				panic("graceful: component name used twice")
			}
		}
		parts = append(parts, &part{Component: c, phase: phase})
	}
	m.mu.parts = parts
}

// Stop begins the ordered stop and returns at once; Run returns when it is
// over. cause, which may be nil, becomes the cause of the contexts that the
// stop cancels and stands in the report; it is not a failure, and Run does not
// return it. A component that has failed returns its error instead. Only the
// first reason for a stop counts. A Stop before Run makes Run return without
// having started anything; a Stop after Run does nothing.
// What was done before the call that began a stop is visible to the components' stop.
func (m *Manager) Stop(cause error) {
	if cause == nil {
		cause = errStop
	}
	m.begin(cause)
}

// State returns where the manager is in its life: "new", "starting", "ready",
// "pre-stop", "draining", "stopping" or "done", in this order.
func (m *Manager) State() string { return m.now().String() }

// Addr returns the address of the component's socket, with the port that was
// chosen for port 0; nil before Run has bound it and for a component that has
// none.
func (m *Manager) Addr(name string) net.Addr {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range m.mu.parts {
		if p.Name == name && p.ln != nil {
			return p.ln.Addr()
		}
	}
	return nil
}

// Run binds all sockets, starts the components, waits for a reason to stop,
// stops them and returns what each of them did.
//
// The error is nil after a clean stop, whatever began it: a signal, Stop, or
// the end of ctx, which begins the stop without shortening it. It is a
// [*ComponentError] if a component failed to bind, to start, to run or to
// stop, with the one that began the stop first where there are several; a
// [*SignalError] is joined to it if a second SIGINT forced the stop. With a
// ctx that is already done, Run starts nothing and returns its error, which
// Is both ctx.Err() and the cause.
//
// Below systemd, or another service manager that speaks sd_notify's protocol,
// it is told when the process is ready, that and for how long it stops, what it
// waits for, and, where a watchdog is set, from Run's goroutine that it is
// alive. Run takes NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID out of the
// environment for that: the first manager of a process has them, no child does.
//
// When Run returns, signals have their former meaning again. It panics if it
// is called twice, and for a nil ctx.
func (m *Manager) Run(ctx context.Context) (Report, error) {
	if ctx == nil {
		panic("graceful: Run with a nil context")
	}
	r := m.newRun(ctx)
	defer r.release()
	if err := ctxerr.Of(ctx); err != nil {
		m.begin(context.Cause(ctx))
		r.stop()
		report, _ := r.finish()
		return report, err
	}
	r.start()
	r.stop()
	return r.finish()
}

// Main calls Run and returns the exit code that tells a supervisor how it went:
//
//	func main() { os.Exit(run()) } // run defers what has to be closed
//
// which is [Report.ExitCode], or 1 where Run returned an error that the report
// does not know. Unless it is 0, the report is printed to standard error. It
// waits and panics as Run does.
func (m *Manager) Main(ctx context.Context) (code int) {
	report, err := m.Run(ctx)
	code = report.ExitCode()
	if code == 0 && err != nil {
		code = 1
	}
	if code != 0 {
		fmt.Fprintln(os.Stderr, report)
	}
	return code
}

// now returns the state.
func (m *Manager) now() state {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.mu.state
}

// enter is the only transition between states; one that would go back does
// nothing.
func (m *Manager) enter(s state) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.enterLocked(s)
}

func (m *Manager) enterLocked(s state) bool {
	if s <= m.mu.state {
		return false
	}
	m.mu.state, m.mu.entered = s, time.Now()
	m.mu.changes++
	m.mu.ready = m.mu.ready || s == stateReady
	return true
}

// begin notes the first reason to stop and turns readiness off in the same
// instant.
func (m *Manager) begin(cause error) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.beginLocked(cause)
}

func (m *Manager) beginLocked(cause error) bool {
	if m.mu.cause != nil || m.mu.state == stateDone {
		return false
	}
	m.mu.cause, m.mu.since = cause, time.Now()
	if s := m.mu.succession; s != nil {
		close(s.halt)
	}
	if m.mu.state != stateNew {
		m.enterLocked(statePreStop)
	}
	m.pokeLocked()
	return true
}

// pokeLocked makes Run look again. It never blocks, so that nobody who reports
// after Run has returned is held up.
func (m *Manager) pokeLocked() {
	select {
	case m.mu.wake <- struct{}{}:
	default: // not running, or told already
	}
}

// log returns the logger.
func (m *Manager) log() *slog.Logger {
	if m.opts.Logger != nil {
		return m.opts.Logger
	}
	return slog.Default()
}

// ask has f called by Run's goroutine, soon; never, if Run has returned.
func (m *Manager) ask(f func(*run)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mu.asked = append(m.mu.asked, f)
	m.pokeLocked()
}

// pass tells tests that a restart has come to a point.
func (m *Manager) pass(point string) {
	if m.at != nil {
		m.at(point)
	}
}

// asked returns what Run's goroutine was asked to do, once.
func (m *Manager) asked() []func(*run) {
	m.mu.Lock()
	defer m.mu.Unlock()
	asked := m.mu.asked
	m.mu.asked = nil
	return asked
}

// total is the budget of a stop with that cause; nil: of any but a restart.
func (m *Manager) total(cause error) time.Duration {
	if errors.Is(cause, ErrRestarted) {
		return m.opts.Restart.budget()
	}
	return m.opts.Budget
}

// reason returns the reason to stop and since when there is one; nil before.
func (m *Manager) reason() (since time.Time, cause error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.mu.since, m.mu.cause
}
