package graceful

// One run of a manager, on the goroutine that called Run: it alone receives
// signals, launches components and walks through the phases. Everybody else
// changes what the manager's mutex guards, and pokes it.

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"runtime/pprof"
	"slices"
	"time"

	"github.com/belay-go/belay/internal/handover"
)

// A run is what only Run's goroutine knows.
type run struct {
	m      *Manager
	log    *slog.Logger
	phases [][]*part // ascending

	// The context of Run, and the same without its end: this run owns all that
	// derives from it.
	parent context.Context
	gone   <-chan struct{} // parent's Done; nil once it was seen
	ctx    context.Context
	began  time.Time
	ready  bool // it has been

	signals chan os.Signal // nil: none
	heard   []os.Signal    // what signals is told of
	seen    signalLog
	budget  budget           // of the stop; set when it begins
	due     schedule         // of lines that tell what is waited for; nil: none
	told    int              // how many were due so far
	mark    <-chan time.Time // the next one; nil: none
	forced  *SignalError

	heir     *heir                 // nil: this process has inherited nothing
	outdated []handover.SocketInfo // that nobody has taken, and that may be in the service manager's store
	reached  int                   // how many phases have been launched

	notify           *notifier // nil: nobody to tell
	wroteTermination bool      // there is something in the termination log
	lostTermination  bool      // that it can't be written was logged

	observers []func(Report)
	observed  uint64 // changes that they were told of

	wake        chan struct{}
	startCtx    context.Context // of all Start funcs
	cancelStart context.CancelCauseFunc
	stopCtx     context.Context // of all stops
	force       context.CancelCauseFunc
}

// newRun moves the manager from new to starting. From its first lines on, a
// signal no longer kills the process.
func (m *Manager) newRun(ctx context.Context) *run {
	r := &run{m: m, wake: make(chan struct{}, 1), began: time.Now()}
	r.seen.forceOnTerm = m.opts.ForceOnSecondTerm
	set := m.opts.Signals
	if set == nil {
		set = defaultSignals()
	}
	r.heard = set
	listen := slices.Clone(set)
	if m.opts.Restart.Enabled {
		listen = append(listen, restartSignals...)
	}
	if len(listen) > 0 {
		r.signals = make(chan os.Signal, 16)
		signal.Notify(r.signals, listen...)
	}
	m.mu.Lock()
	if m.mu.state != stateNew {
		m.mu.Unlock()
		r.release()
		panic("graceful: Run called twice")
	}
	m.mu.began = r.began
	m.enterLocked(stateStarting)
	if m.mu.cause != nil {
		m.enterLocked(statePreStop)
		m.mu.since = r.began // Stop came before Run: no time has been lost
	}
	m.mu.wake, m.mu.run = r.wake, r
	r.observers = m.mu.observers
	parts := slices.Clone(m.mu.parts)
	m.mu.Unlock()

	slices.SortStableFunc(parts, func(a, b *part) int { return a.phase - b.phase })
	for i, p := range parts {
		if i == 0 || parts[i-1].phase != p.phase {
			r.phases = append(r.phases, nil)
		}
		last := len(r.phases) - 1
		r.phases[last] = append(r.phases[last], p)
	}
	r.log = m.log()
	r.inherit()
	r.notify = m.newNotifier(r.log, r.began, r.heir != nil && !r.heir.main)
	r.parent, r.gone = ctx, ctx.Done()
	r.ctx = numbered(context.WithoutCancel(ctx))
	m.mu.Lock()
	m.mu.label, _ = pprof.Label(r.ctx, managerLabel)
	m.mu.Unlock()
	r.startCtx, r.cancelStart = context.WithCancelCause(r.ctx)
	r.stopCtx, r.force = context.WithCancelCause(r.ctx)
	return r
}

// release gives back what the run took from the process.
func (r *run) release() {
	if r.signals != nil {
		signal.Stop(r.signals)
	}
	if r.force != nil {
		r.cancelStart(nil)
		r.force(nil)
	}
	r.unlink()
}

// unlink lets go of the processes before and after this one. To both that looks
// as if this one had ended, which it is about to.
func (r *run) unlink() {
	r.m.mu.Lock()
	var proc *handover.Process
	if s := r.m.mu.succession; s != nil {
		proc = s.proc
	}
	for _, g := range r.m.mu.earlier {
		g.Close()
	}
	r.m.mu.earlier = nil
	r.m.mu.Unlock()
	if proc != nil {
		handover.Drained()
		_ = proc.Link.Close()
	}
	if r.heir == nil {
		return
	}
	if r.heir.in.Link != nil {
		// Connections that have found a place here are answered for first: the
		// old process would read from them, too.
		_ = r.heir.in.Link.EndReceiving() // fails for one that has ended only
		<-r.heir.heard
	}
	r.heir.in.Close()
}

// stopOrder returns all parts, phases descending.
func (r *run) stopOrder() []*part {
	var parts []*part
	for _, phase := range slices.Backward(r.phases) {
		parts = append(parts, phase...)
	}
	return parts
}

// until takes in events until done, which is called with the manager's mutex
// held.
func (r *run) until(done func() bool) {
	for {
		r.catchUp()
		if r.holds(done) {
			return
		}
		select {
		case <-r.wake:
		case sig := <-r.signals:
			r.signal(sig, time.Now())
		case <-r.gone:
			r.parentDone()
		case <-r.mark:
			r.tell(time.Now())
		case <-r.notify.wake():
			r.notify.due(time.Now())
		}
	}
}

// untilTime is until that ends at a time, too.
func (r *run) untilTime(end time.Time, done func() bool) {
	wake := time.AfterFunc(time.Until(end), func() {
		r.m.mu.Lock()
		defer r.m.mu.Unlock()
		r.m.pokeLocked()
	})
	defer wake.Stop()
	r.until(func() bool { return done() || !time.Now().Before(end) })
}

// catchUp takes in the events that are there already: no phase may start after
// a signal that nobody has looked at yet.
func (r *run) catchUp() {
	for _, f := range r.m.asked() {
		f(r)
	}
	r.takeSignals()
	select {
	case <-r.gone:
		r.parentDone()
	default:
	}
	r.observe()
}

// takeSignals takes in the signals that are there already.
func (r *run) takeSignals() {
	for {
		select {
		case sig := <-r.signals:
			r.signal(sig, time.Now())
		default:
			return
		}
	}
}

func (r *run) holds(done func() bool) bool {
	r.m.mu.Lock()
	defer r.m.mu.Unlock()
	return done()
}

// parentDone takes in the end of Run's context. Where signal.NotifyContext made
// it, the signal that ended it says more: it is the cause. It comes here, too,
// but maybe only in a moment, as package signal tells one channel after another.
func (r *run) parentDone() {
	r.gone = nil
	r.takeSignals()
	cause := context.Cause(r.parent)
	for _, sig := range r.heard {
		if cause.Error() == sig.String()+" signal received" { // its type has no name
			r.signal(sig, time.Now())
		}
	}
	r.m.begin(cause)
}

// signal acts on one signal.
func (r *run) signal(sig os.Signal, now time.Time) {
	if !slices.Contains(r.heard, sig) {
		go r.restartBySignal() // ends with the attempt
		return
	}
	verdict := r.seen.take(sig, now)
	switch verdict {
	case sameAgain:
		return
	case second:
		if r.forced == nil {
			r.forced = &SignalError{Signal: sig, Again: true}
			r.m.force(r.forced)
			r.m.begin(r.forced) // if both came before anyone looked
			r.log.Warn("graceful: forced", "signal", sig.String())
			r.force(r.forced)
		}
		return
	}
	if r.m.begin(&SignalError{Signal: sig}) {
		return
	}
	defer r.tell(now) // whoever asks again wants to know
	since, cause := r.m.reason()
	left := newBudget(r.m.total(cause), 1, since).left(now)
	if left == forever {
		r.log.Info("graceful: signal repeated", "signal", sig.String())
		return
	}
	r.log.Info("graceful: signal repeated", "signal", sig.String(), "left", left)
}
