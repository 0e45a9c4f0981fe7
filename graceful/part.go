package graceful

// One component in its manager: what has become of it, and the goroutine that
// runs it.

import (
	"context"
	"errors"
	"runtime/debug"
	"runtime/pprof"
	"slices"
	"time"

	"github.com/belay-go/belay"
)

// A part is a component and its life. Its flags only ever go from false to
// true:
//
//	launched -> started -> up -> over
//
// started: Start has returned nil, or there is none. up: it said so. over:
// Start failed, or Run or Serve has returned, or there is neither. stopping is
// set in between, when the stop of this component begins: from then on a
// return is no failure.
type part struct {
	Component
	phase int

	// Set by Run's goroutine before the launch.
	ctx      context.Context // of Run and Serve; this part owns it
	cancel   context.CancelCauseFunc
	draining chan struct{} // closed when the stop begins; set under Manager.mu
	begun    chan struct{} // closed when Start has returned
	ended    chan struct{} // closed when over

	// Set by Run's goroutine before the first phase stops; nil: not called.
	pre *call // of PreStop

	// Guarded by Manager.mu.
	ln        socket      // nil: none
	waits     bool        // for the old process to have stopped it
	handed    *succession // that it was stopped for; nil: none
	launched  bool
	started   bool
	up        bool
	over      bool
	preparing bool // its PreStop was called
	prepared  bool // its PreStop is over, or out of time
	stopping  bool
	planned   time.Duration
	asked     time.Time // when its PreStop, then its stop, began
	failures  []error   // of the component itself, not of its stop
	life      life      // when all of that was
	result    *Result   // nil until its stop has ended, one way or another
}

// launch starts the component's goroutine. It ends when the component does.
func (r *run) launch(p *part) {
	p.begun = make(chan struct{})
	p.ended = make(chan struct{})
	p.ctx, p.cancel = context.WithCancelCause(context.WithValue(labelled(r.ctx, p.Name), drainKey{}, p))
	r.m.mu.Lock()
	p.draining = make(chan struct{})
	p.launched, p.life.launched = true, time.Now()
	r.m.mu.Unlock()
	if p.ln != nil {
		p.ln.onServe(func() { r.m.ready(p) })
	}
	go r.execute(p)
}

// execute runs the component. Its goroutine is the only place where a
// component's own code runs outside of a stop.
func (r *run) execute(p *part) {
	pprof.SetGoroutineLabels(p.ctx)
	stage, err := "start", belay.ErrGoexit
	defer func() {
		// Unless an ordered stop is asked for, a panic crashes the process, as
		// it would without us; it must not look like an end on the way. Only
		// Goexit comes by without one.
		if v := recover(); v != nil {
			if !r.m.opts.StopOnPanic {
				panic(v)
			}
			err = &belay.PanicError{Value: v, Stack: debug.Stack()}
		}
		r.m.end(p, stage, err)
		close(p.ended)
	}()
	goOn, failed := r.open(p)
	if !goOn {
		err = failed
		return
	}
	stage = "run"
	switch ln := p.ln.(type) {
	case *acceptor:
		err = p.Serve(p.ctx, ln)
	case *packets:
		err = p.ServePacket(p.ctx, ln)
		_ = ln.Close()
	default:
		err = p.Run(p.ctx, func() { r.m.ready(p) })
	}
}

// open calls Start; it reports whether to go on with Run or Serve. If a stop
// has begun meanwhile there is no use in that, and none in Start if it was
// quicker than this goroutine.
func (r *run) open(p *part) (goOn bool, err error) {
	defer close(p.begun)
	if p.Start != nil {
		if _, cause := r.m.reason(); cause != nil {
			return false, cause
		}
		if err := p.Start(labelled(r.startCtx, p.Name)); err != nil {
			return false, err
		}
	}
	m := r.m
	m.mu.Lock()
	defer m.mu.Unlock()
	p.started = true
	if p.Run == nil && !p.serves() {
		m.readyLocked(p)
		return false, nil
	}
	return m.mu.cause == nil, nil
}

// ready notes that a component is up.
func (m *Manager) ready(p *part) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.readyLocked(p)
}

func (m *Manager) readyLocked(p *part) {
	if !p.up {
		p.up, p.life.up, p.life.where = true, time.Now(), ""
	}
	m.pokeLocked()
}

// end notes that a component's goroutine ends, and what that means.
func (m *Manager) end(p *part, stage string, err error) {
	cause := m.reasonOf(p)
	obeyed := cause != nil && (err == nil || errors.Is(err, context.Canceled) || errors.Is(err, cause))
	m.mu.Lock()
	defer m.mu.Unlock()
	p.over, p.life.over = true, time.Now()
	defer m.pokeLocked()
	switch {
	case stage == "start" && (err == nil || obeyed):
		return
	case p.stopping && (obeyed || p.serves() && err != belay.ErrGoexit):
		return // a Serve whose listener ends has to return something
	case p.stopping:
		stage = "stop"
	case err == nil && p.MayEnd:
		p.up = true
		return
	case err == nil:
		err = errReturned
	}
	m.failLocked(p, stage, err)
}

// reasonOf returns why p is to end: for the sake of the new process, or because
// all is; nil: it is to go on.
func (m *Manager) reasonOf(p *part) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if p.handed != nil && p.stopping {
		return errHandedOn
	}
	return m.mu.cause
}

// handedOn reports whether p is or was stopped for the new process.
func (m *Manager) handedOn(p *part) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return p.handed != nil
}

// fail notes a failure of a component; the first reason to stop, if there is
// none yet.
func (m *Manager) fail(p *part, stage string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.failLocked(p, stage, err)
}

func (m *Manager) failLocked(p *part, stage string, err error) {
	failure := &ComponentError{Name: p.Name, Stage: stage, Err: err}
	p.failures = append(p.failures, failure)
	if m.beginLocked(failure) {
		m.mu.failed = true
	}
}

// stoppable reports whether there is something that the Stop hook can end:
// what Start opened, or what runs or was up.
func (m *Manager) stoppable(p *part) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return p.stoppableLocked()
}

func (p *part) stoppableLocked() bool {
	return p.started && (p.Start != nil || p.up || !p.over)
}

// stopping notes that the component's own stop begins; it reports whether that
// has anything to do.
func (m *Manager) stopping(p *part, limit time.Duration) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	p.stopping, p.planned, p.asked, p.life.where = true, limit, time.Now(), ""
	return !p.over || p.pre != nil || p.Stop != nil && p.stoppableLocked()
}

// resolve notes how the stop of a component went.
func (m *Manager) resolve(p *part, res Result) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := p.pre.failed(); err != nil {
		m.failLocked(p, "pre-stop", err)
	}
	var panicked *belay.PanicError
	switch {
	case res.Outcome != "stopped":
	case errors.As(join(append(slices.Clone(p.failures), res.Err)), &panicked):
		res.Outcome = "panicked"
	case res.Err != nil || len(p.failures) > 0:
		res.Outcome = "failed"
	case !p.started:
		res.Outcome = "never started"
	}
	if res.Err != nil {
		res.Err = &ComponentError{Name: p.Name, Stage: "stop", Err: res.Err}
	}
	p.result, p.life.resolved = &res, time.Now()
	m.pokeLocked()
}
