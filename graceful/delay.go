package graceful

// What happens between the reason to stop and the first phase that stops:
// readiness is off, everything still serves, hooks run that need that, and load
// balancers get the time to notice.

import (
	"errors"
	"os"
	"syscall"
	"time"
)

// kubernetesDelay is the default of Options.Delay in Kubernetes: a pod gets its
// SIGTERM while its address is being taken out of the proxies of all nodes,
// which takes them seconds.
const kubernetesDelay = 5 * time.Second

// preStop returns when the delay is over and no hook runs any more, or when
// there is no time for either. The phases still to be stopped are given by
// their limits.
func (r *run) preStop(cause error, phases [][]*part, limits []time.Duration) {
	began := time.Now()
	most := r.budget.window(began, append([]time.Duration{forever}, limits...))
	var hooks []*part
	goesOn := errors.Is(cause, ErrRestarted) || r.heir.leaves(cause) // the service does
	if !goesOn {
		hooks = r.callPreStops(phases, most)
	}
	delay := time.Duration(0)
	if anySocket(phases) && !goesOn {
		delay = min(most, r.delay(cause))
	}
	if delay > 0 {
		r.log.Info("graceful: serving on", "delay", delay)
		for _, parts := range phases {
			for _, p := range parts {
				if p.soften != nil {
					p.soften(delay)
				}
			}
		}
		r.waitDelay(phases, began.Add(delay))
	}
	r.until(func() bool {
		for _, p := range hooks {
			if !p.prepared {
				return false
			}
		}
		return true
	})
}

// delay returns how long the process serves on for the sake of whoever has not
// noticed yet that it is about to go.
func (r *run) delay(cause error) time.Duration {
	signal, ok := cause.(*SignalError)
	if !ok || signal.Signal != syscall.SIGTERM || !r.ready {
		return 0
	}
	return r.m.opts.delay()
}

// delay returns the delay after SIGTERM.
func (o *Options) delay() time.Duration {
	if o.Delay == 0 && os.Getenv("KUBERNETES_SERVICE_HOST") != "" {
		return kubernetesDelay
	}
	return max(0, o.Delay)
}

// waitDelay waits for the end of the delay, for silence if that is asked for,
// or for a second SIGINT.
func (r *run) waitDelay(phases [][]*part, end time.Time) {
	quiet := r.m.opts.DelayQuiet
	forced := func() bool { return r.forced != nil }
	if quiet <= 0 {
		r.untilTime(end, forced)
		return
	}
	last, _ := activity(phases, time.Now(), quiet)
	for since := time.Now(); ; {
		now := time.Now()
		if !now.Before(end) || now.Sub(since) >= quiet || forced() {
			return
		}
		next := now.Add(max(time.Millisecond, quiet/4))
		if end.Before(next) {
			next = end
		}
		r.untilTime(next, forced)
		count, fresh := activity(phases, time.Now(), quiet)
		if count != last || fresh {
			last, since = count, time.Now()
		}
	}
}

// activity returns a number that changes with every new connection and every
// request, but for probes; fresh is true if a connection younger than quiet has
// not said yet which it is.
func activity(phases [][]*part, now time.Time, quiet time.Duration) (count int64, fresh bool) {
	for _, parts := range phases {
		for _, p := range parts {
			switch {
			case p.activity != nil:
				n, waits := p.activity(now, quiet)
				count += n
				fresh = fresh || waits
			case p.ln != nil:
				count += p.ln.count()
			}
		}
	}
	return count, fresh
}

// callPreStops calls the hooks of all components that are up.
func (r *run) callPreStops(phases [][]*part, most time.Duration) (called []*part) {
	for _, parts := range phases {
		for _, p := range parts {
			if p.PreStop == nil || !r.m.preparing(p) {
				continue
			}
			called = append(called, p)
			limit := most
			if p.Limit > 0 {
				limit = min(limit, p.Limit)
			}
			ctx, cancel := r.bounded(p.Name, limit)
			p.pre = contain(ctx, func() error { return p.PreStop(ctx) })
			go func() { // ends with the hook or its time
				defer cancel()
				waitFor(ctx, p.pre.done)
				r.m.prepare(p)
			}()
		}
	}
	return called
}

// preparing notes that the PreStop hook of p is about to be called, if p is up.
func (m *Manager) preparing(p *part) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if p.up {
		p.preparing, p.asked = true, time.Now()
	}
	return p.up
}

// prepare notes that the stop needs to wait for the PreStop hook no longer.
func (m *Manager) prepare(p *part) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p.prepared = true
	m.pokeLocked()
}
