package graceful

// The old process's side of a restart.

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/belay-go/belay/internal/ctxerr"
	"github.com/belay-go/belay/internal/handover"
)

// stepLimit is how long the new process may take to accept once it was told to,
// while nobody does: all it has to do is to say so.
const stepLimit = 5 * time.Second

// lastWords is how long a process that has let go of the link may take to end.
const lastWords = time.Second

// A succession is one attempt to be replaced:
//
//	started -> offered -> stepping -> probation -> main
//
// started: the new process runs. offered: it is ready. stepping: we have paused,
// and it was told to accept. probation: it has said that it does. main: we will
// not come back; our own stop begins.
//
// Any failure before the probation ends with the process killed and waited for,
// and only then do we accept again: so it is never two who do, and whoever is
// killed at any point leaves the other, who accepts when it sees the link end.
// On probation the end of the new process brings us back the same way, and we
// accept again as soon as it says that it stops. A stop of ours before the step
// is such a failure; after it, the new process is told to stop as well, and Run
// waits for its end.
//
// The goroutine of watch has it from the probation on, before that the one that
// called Restart.
type succession struct {
	m       *Manager
	attempt attempt
	opts    RestartOptions
	earlier []handover.Generation
	began   time.Time

	proc  *handover.Process
	heir  handover.Message      // its hello
	taken []*part               // whose sockets it has taken
	news  chan handover.Message // closed at the end of the link
	bad   error                 // why that came, if not from the process's end; set before
	halt  chan struct{}         // closed, under Manager.mu, when our stop begins
	mover *mover                // of idle connections
	conns []string              // the components that take those in the new process

	// Guarded by Manager.mu, as is proc until it is set.
	ended   bool // the new process has, or the attempt: there is nobody to wait for
	leaving bool // the new process stops, and will not become the main one
	settled bool // it is the main one; ended after that is no concern of ours
}

// begin goes as far as the probation.
func (s *succession) begin(ctx context.Context) error {
	s.m.ask((*run).tellReloading)
	err := s.offer(ctx)
	if err == nil {
		s.m.pass("offered")
		err = s.step()
	}
	if err != nil {
		s.m.forget(s)
		s.m.ask(func(r *run) { r.tellServing(fmt.Sprintf("restart failed: %v", err)) })
		return err
	}
	s.m.note(s.attempt, outcomeProbation, s.proc.PID, nil)
	s.m.ask(func(r *run) { r.tellServing(fmt.Sprintf("pid %d is on probation", s.proc.PID)) })
	s.m.log().Info("graceful: replaced", "pid", s.proc.PID, "path", s.heir.Path, "revision", s.heir.Revision,
		"was", executable(), "was_revision", revision(), "after", time.Since(s.began), "probation", s.opts.probation())
	s.departures()
	probation := s.opts.probation()
	s.m.ask(func(r *run) { r.soften(probation) })
	go s.watch(probation) // ends with the new process, or with Run
	go s.handOn()         // ends with the stops of what must not run twice
	return nil
}

// offer starts the new process and waits until it is ready.
func (s *succession) offer(ctx context.Context) error {
	if err := s.start(); err != nil {
		return err
	}
	limit, cancel := withLimit(ctx, s.opts.limit())
	defer cancel()
	for {
		var err error
		select {
		case m, ok := <-s.news:
			switch {
			case !ok:
				return s.failed(s.bad)
			case m.Kind == handover.Hello:
				s.heir = m
				if m.Version < handover.Least {
					return s.failed(handover.ErrTooOld)
				}
			case m.Kind == handover.Ready && s.heir.Version < handover.Least:
				return s.failed(handover.ErrTooOld) // it has never said hello
			case m.Kind == handover.Ready:
				s.take(m.Taken)
				s.conns = m.Conns
				return nil
			}
			continue
		case <-s.halt:
			err = errStopped
		case <-limit.Done():
			if err = ctxerr.Of(ctx); err == nil {
				err = fmt.Errorf("the new process, pid %d, was not ready within %v", s.proc.PID, s.opts.limit())
			}
		}
		return s.failed(err)
	}
}

// start starts the new process.
func (s *succession) start() error {
	p, err := s.opts.program()
	if err != nil {
		return err
	}
	if err := roomFor(s.opts.Memory); err != nil {
		return err
	}
	sockets, err := s.m.sockets()
	defer func() {
		for _, s := range sockets {
			_ = s.File.Close()
		}
	}()
	if err != nil {
		return err
	}
	s.m.mu.Lock()
	env := append(os.Environ(), s.m.mu.supervisor...)
	hello := handover.Message{Path: executable(), Revision: revision(), Generation: s.m.mu.generation + 1}
	for _, p := range s.m.mu.parts {
		if p.Exclusive {
			hello.Exclusive = append(hello.Exclusive, p.Name)
		}
	}
	s.m.mu.Unlock()
	proc, err := handover.Start(handover.Command{
		Path: p.path, Args: p.args, Dir: p.dir, Env: env,
		Sockets: sockets, Draining: s.earlier, Hello: hello,
	})
	if err != nil {
		return err
	}
	s.m.mu.Lock()
	s.proc = proc // unlink looks for it
	s.m.mu.Unlock()
	s.m.log().Info("graceful: restarting", "pid", s.proc.PID, "path", p.path)
	go s.receive() // ends with the link
	s.m.pass("started")
	return nil
}

// sockets returns those that can be handed over, each with a descriptor of the
// caller's.
func (m *Manager) sockets() (all []handover.Socket, err error) {
	for _, p := range m.parts() {
		a := m.acceptor(p)
		if a == nil {
			continue
		}
		conn, ok := a.handable()
		if !ok {
			continue
		}
		f, err := handover.Duplicate(conn, p.Name)
		if err != nil {
			return all, fmt.Errorf("the socket of %s: %w", p.Name, err)
		}
		addr, foreign := a.origin()
		all = append(all, handover.Socket{
			SocketInfo: handover.SocketInfo{Name: p.Name, Addr: addr, Foreign: foreign}, File: f,
		})
	}
	return all, nil
}

// acceptor returns the socket of p; nil if it has none.
func (m *Manager) acceptor(p *part) socket {
	m.mu.Lock()
	defer m.mu.Unlock()
	return p.ln
}

// receive passes on what the new process says.
func (s *succession) receive() {
	defer close(s.news)
	for {
		m, err := s.proc.Link.Receive()
		if err != nil {
			if errors.Is(err, handover.ErrBroken) {
				s.bad = err
			}
			return
		}
		s.news <- m // somebody reads until news is closed
	}
}

// failed ends the new process, and tells why; nil: it has ended by itself.
func (s *succession) failed(why error) error {
	if why != nil {
		s.proc.Kill()
	}
	status := s.proc.Finish(lastWords)
	_ = s.proc.Link.Close()
	for range s.news { // until receive has seen the end
	}
	if why == nil {
		return fmt.Errorf("the new process, pid %d, has ended: %s", s.proc.PID, status)
	}
	return why
}

// take notes which sockets the new process has taken. What it leaves is ours
// until our stop.
func (s *succession) take(names []string) {
	for _, p := range s.m.parts() {
		a := s.m.acceptor(p)
		if a == nil {
			continue
		}
		_, handed := a.handable()
		switch {
		case handed && slices.Contains(names, p.Name):
			s.taken = append(s.taken, p)
		case handed:
			s.m.log().Warn("graceful: the new process has not taken a socket", "name", p.Name, "addr", a.Addr().String(), "pid", s.proc.PID)
		}
	}
}

// step makes the new process accept in our place. From here on it takes neither
// a cancel nor a stop of ours in: it is short, and what was half done would have
// to be undone.
func (s *succession) step() error {
	if s.halted() {
		return s.failed(errStopped)
	}
	s.sendTickets()
	for _, p := range s.taken {
		p.ln.pause()
	}
	s.m.pass("paused")
	err := errEnded
	if s.proc.Link.Send(handover.Message{Kind: handover.Accept}) == nil {
		s.m.pass("told")
		err = s.accepting()
	}
	if err != nil {
		if !errors.Is(err, errEnded) {
			err = s.failed(err)
		} else {
			err = s.failed(nil)
		}
		for _, p := range s.taken {
			p.ln.resume()
		}
		return err
	}
	for _, p := range s.taken {
		p.ln.share(true)
	}
	s.m.pass("accepting")
	return nil
}

// errEnded is that of a new process that has ended by itself.
var errEnded = errors.New("the new process has ended")

// accepting waits until the new process says that it accepts.
func (s *succession) accepting() error {
	limit := time.NewTimer(stepLimit)
	defer limit.Stop()
	for {
		select {
		case m, ok := <-s.news:
			if !ok {
				return cmp.Or(s.bad, errEnded)
			}
			switch m.Kind {
			case handover.Accepting:
				return nil
			case handover.Stop:
				return fmt.Errorf("the new process, pid %d, stops: %s", s.proc.PID, m.Reason)
			}
		case <-limit.C:
			return fmt.Errorf("the new process, pid %d, did not accept within %v", s.proc.PID, stepLimit)
		}
	}
}

func (s *succession) halted() bool {
	select {
	case <-s.halt:
		return true
	default:
		return false
	}
}
