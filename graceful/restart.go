package graceful

// A restart as its caller sees it: the options, the call, and what makes it
// refuse before anything has happened.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/belay-go/belay/internal/ctxerr"
	"github.com/belay-go/belay/internal/handover"
)

const (
	defaultReadyLimit    = time.Minute
	defaultProbation     = 10 * time.Second
	defaultRestartBudget = 5 * time.Minute
)

// RestartOptions say how the process may be replaced by another one; see
// [Manager.Restart]. The zero value is that it may not.
type RestartOptions struct {
	// Enabled allows it, and makes SIGUSR2 ask for it.
	Enabled bool

	// Limit is the time within which the new process has to be ready. Zero is
	// a minute, negative is none.
	Limit time.Duration

	// Probation is how long this process could still take over again after the
	// new one has begun to accept. Meanwhile it serves the connections that it
	// has and sends http clients away, each at a random moment. Zero is 10 s,
	// negative is none.
	Probation time.Duration

	// Budget is what [Options].Budget is to any other stop: the time in which
	// this process has to end what it has accepted, once the probation is over.
	// Zero is five minutes, negative is none.
	Budget time.Duration

	// Draining is how many replaced processes there may be at a time. Zero is
	// one: as long as the last one drains, a restart is refused.
	Draining int

	// Memory is how many bytes have to be free for a second process, in the
	// cgroup of this one and in the system, or the restart is refused. Zero or
	// less is not to ask. It is asked on Linux only.
	Memory int64

	// OwnTicketKeys leaves the keys of TLS session tickets to the program. By
	// default those of [HTTP] components are made, changed daily and handed on
	// to the new process, so that a client resumes its session with that; a key
	// opens tickets until it is a week old. TLS configs that have
	// GetConfigForClient, WrapSession, UnwrapSession, SessionTicketsDisabled or
	// SessionTicketKey are left alone in any case. Of those whose
	// SetSessionTicketKeys is called nobody can tell: there this has to be set.
	OwnTicketKeys bool

	// Path is the program to start and Args its arguments, without the name.
	// Empty and nil are those of this process: the path that it was started
	// from, as it is on disk by now, from the folder it was started in.
	Path string
	Args []string
}

func (o *RestartOptions) limit() time.Duration  { return orDefault(o.Limit, defaultReadyLimit) }
func (o *RestartOptions) budget() time.Duration { return orDefault(o.Budget, defaultRestartBudget) }
func (o *RestartOptions) draining() int         { return max(1, o.Draining) }

func (o *RestartOptions) sharesTickets() bool {
	return o.Enabled && !o.OwnTicketKeys && handover.Supported
}

func (o *RestartOptions) probation() time.Duration {
	return max(0, orDefault(o.Probation, defaultProbation))
}

// orDefault takes zero for the default.
func orDefault(d, normal time.Duration) time.Duration {
	if d == 0 {
		return normal
	}
	return d
}

// ErrRestarted is what the cause of a stop is, to errors.Is, when another
// process has taken this one's place. It is found with [context.Cause] and in
// [Report.Cause].
var ErrRestarted = errors.New("graceful: another process has taken this one's place")

var (
	errNotEnabled = errors.New("not enabled (RestartOptions.Enabled)")
	errFirst      = errors.New("process 1 can't be replaced, since its end ends the container; start the service below belay-run, which can")
	errUnderWay   = errors.New("another one is under way")
	errStopped    = errors.New("a stop has begun")
)

// restarted is the cause of the stop of a process that was replaced.
type restarted struct{ pid int }

func (e *restarted) Error() string { return fmt.Sprintf("%v: pid %d", ErrRestarted, e.pid) }
func (e *restarted) Unwrap() error { return ErrRestarted }

// Restart puts a new process in the place of this one, and loses no request. It
// starts the program that is on disk by now, hands it the sockets of the
// components that have an Addr, and waits until all of its components are up.
// Then this process pauses, the new one accepts, and Restart returns nil. What
// follows, the probation and the stop of this process, is told in the package's
// documentation under "Restart"; Run returns when that is over, and the cause of
// the stop is [ErrRestarted].
//
// If the new process fails, hangs or is killed before it accepts, it is killed,
// this process goes on as if nothing had happened, and Restart returns an error
// that says why. The end of ctx until then is such a failure, with the error of
// ctx; so is the beginning of a stop. Restart refuses, with an error and without
// having started anything, if it isn't enabled, before the manager is ready,
// while another one is under way, as process 1, if too many replaced processes
// are still there (their pids and ages are named), if memory is short, and for
// a program that anybody may write to or that changes its user. A process that
// is on probation itself waits until that is over. Where processes don't inherit
// sockets, as on Windows and Plan 9, the error is [errors.ErrUnsupported] to
// errors.Is.
//
// It may be called concurrently, also by components, and panics for a nil ctx.
func (m *Manager) Restart(ctx context.Context) error {
	if ctx == nil {
		panic("graceful: Restart with a nil context")
	}
	if err := ctxerr.Of(ctx); err != nil {
		return err
	}
	a := m.attempted()
	if err := m.restart(ctx, a); err != nil {
		m.note(a, "failed", 0, err)
		return fmt.Errorf("graceful: restart: %w", err)
	}
	return nil
}

func (m *Manager) restart(ctx context.Context, a attempt) error {
	switch {
	case !handover.Supported:
		return errors.ErrUnsupported
	case !m.opts.Restart.Enabled:
		return errNotEnabled
	case os.Getpid() == 1:
		return errFirst
	}
	if err := m.awaitMain(ctx); err != nil {
		return err
	}
	m.forgetGone()
	s, err := m.newSuccession(a)
	if err != nil {
		return err
	}
	return s.begin(ctx)
}

// awaitMain waits until this process is not on probation itself.
func (m *Manager) awaitMain(ctx context.Context) error {
	m.mu.Lock()
	main := m.mu.main
	m.mu.Unlock()
	if main == nil {
		return nil
	}
	limit, cancel := withLimit(ctx, m.opts.Restart.limit())
	defer cancel()
	if !waitFor(limit, main) {
		if err := ctxerr.Of(ctx); err != nil {
			return err
		}
		return errors.New("this process is on probation itself")
	}
	return nil
}

// withLimit is context.WithTimeout for a limit that may be none.
func withLimit(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if limit < 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, limit)
}

// newSuccession reserves the place that only one restart at a time can have.
func (m *Manager) newSuccession(a attempt) (*succession, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.mu.state < stateReady:
		return nil, fmt.Errorf("not ready yet, but %v", m.mu.state)
	case m.mu.cause != nil:
		return nil, errStopped
	case m.mu.succession != nil:
		return nil, errUnderWay
	}
	if err := crowded(m.mu.earlier, m.opts.Restart.draining(), time.Now()); err != nil {
		return nil, err
	}
	s := &succession{
		m: m, attempt: a, opts: m.opts.Restart, earlier: slices.Clone(m.mu.earlier),
		began: time.Now(), halt: make(chan struct{}), news: make(chan handover.Message),
	}
	m.mu.succession = s
	return s, nil
}

// crowded returns an error if one more process can't be let drain.
func crowded(earlier []handover.Generation, most int, now time.Time) error {
	var there []string
	for _, g := range earlier {
		if g.Alive() {
			there = append(there, fmt.Sprintf("pid %d for %s", g.PID, short(now.Sub(g.Since))))
		}
	}
	if len(there) < most {
		return nil
	}
	return fmt.Errorf("%d of %d replaced processes are still there: %s", len(there), most, strings.Join(there, ", "))
}

// restartBySignal does what SIGUSR2 asks for. Its goroutine ends with the
// attempt.
func (r *run) restartBySignal() {
	if err := r.m.Restart(r.stopCtx); err != nil {
		r.log.Error("graceful: restart failed", "err", err)
	}
}

// program is one that can be started.
type program struct {
	path, dir string
	args      []string // with the name
}

// started is how this process was: the folder and the path are read before main
// can change the first, and what a path means is asked again at each restart.
var started = func() (p program) {
	p.dir, _ = os.Getwd() // with the links in $PWD, if they lead there
	p.args = os.Args
	if len(p.args) > 0 {
		p.path = p.args[0]
	}
	return p
}()

// program returns what these options ask for, checked.
func (o *RestartOptions) program() (program, error) {
	p := started
	if o.Path != "" {
		p.path = o.Path
	}
	path, err := locate(p.path, p.dir)
	if err != nil {
		return p, err
	}
	p.path = path
	name := path
	if len(started.args) > 0 && o.Path == "" {
		name = started.args[0]
	}
	args := o.Args
	if args == nil && len(started.args) > 0 {
		args = started.args[1:]
	}
	p.args = append([]string{name}, args...)
	return p, trusted(path)
}

// trusted returns an error for a program that somebody else may have written,
// or that would run as somebody else.
func trusted(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	switch mode := info.Mode(); {
	case !mode.IsRegular():
		return fmt.Errorf("%s is no regular file", path)
	case mode&0o002 != 0:
		return fmt.Errorf("%s can be written by anybody (%v)", path, mode)
	case mode&(os.ModeSetuid|os.ModeSetgid) != 0:
		return fmt.Errorf("%s changes its user or group (%v)", path, mode)
	}
	return nil
}
