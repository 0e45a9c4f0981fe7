package edges_test

// Contexts and managers.

import (
	"context"
	"log/slog"
	"os"
	"time"

	"github.com/belay-go/belay/ctxutil"
	"github.com/belay-go/belay/graceful"
)

// ended waits for the end of what derive makes of a context that is cancelled.
func ended(derive func(context.Context) (context.Context, context.CancelFunc)) func(*cell) {
	return func(x *cell) {
		parent, end := context.WithCancel(ctx)
		child, cancel := derive(parent)
		defer cancel()
		x.beside(func() {
			<-child.Done()
			x.read()
		})
		x.write()
		end()
		x.late()
		x.join()
	}
}

var ofContexts = []edge{
	{"ctxutil.Merge: the end of the first → the end of Done", ended(func(c context.Context) (context.Context, context.CancelFunc) {
		return ctxutil.Merge(c, context.WithoutCancel(ctx))
	})},
	{"ctxutil.Merge: the end of the second → the end of Done", ended(func(c context.Context) (context.Context, context.CancelFunc) {
		other, cancel := context.WithCancel(ctx)
		merged, end := ctxutil.Merge(other, c)
		return merged, func() { end(); cancel() }
	})},
	{"ctxutil.Shrink: the end of the parent → the end of Done", ended(func(c context.Context) (context.Context, context.CancelFunc) {
		return ctxutil.Shrink(c, time.Hour)
	})},
	{"ctxutil.Detach: the end of the parent → the end of Done, a grace later", ended(func(c context.Context) (context.Context, context.CancelFunc) {
		return ctxutil.Detach(c, time.Millisecond)
	})},
	{"ctxutil.Budget: the end of the parent → the end of Done", ended(func(c context.Context) (context.Context, context.CancelFunc) {
		child, cancel, _ := ctxutil.Budget(c, time.Millisecond, time.Millisecond)
		return child, cancel
	})},
}

func manager() *graceful.Manager {
	return graceful.New(graceful.Options{
		Budget: time.Minute, Signals: []os.Signal{}, Logger: slog.New(slog.DiscardHandler), TerminationLog: "-",
	})
}

func fine(context.Context) error { return nil }

// does is a hook that calls f.
func does(f func()) func(context.Context) error {
	return func(context.Context) error { f(); return nil }
}

// stopped runs a manager that stops at once when it is ready.
func stopped(m *graceful.Manager) {
	m.Add(9, graceful.Component{Name: "last", Start: does(func() { m.Stop(nil) }), Stop: fine})
	_, _ = m.Run(ctx)
}

var ofManagers = []edge{
	{"graceful.Manager: Add → the component's Start", func(x *cell) {
		m := manager()
		var begun hint
		x.beside(func() { // planted: a write beside the start
			begun.await()
			x.late()
		})
		x.write()
		m.Add(1, graceful.Component{Name: "a", Start: does(func() { x.read(); begun.give() }), Stop: fine})
		stopped(m)
		x.join()
	}},
	{"graceful.Component: Start → Run", func(x *cell) {
		m := manager()
		m.Add(1, graceful.Component{
			Name: "a", Start: does(x.task),
			Run: func(ctx context.Context, ready func()) error { x.read(); ready(); <-ctx.Done(); return nil },
		})
		stopped(m)
		x.join()
	}},
	{"graceful.Component: Start → Stop", func(x *cell) {
		m := manager()
		m.Add(1, graceful.Component{Name: "a", Start: does(x.task), Stop: does(x.read)})
		stopped(m)
		x.join()
	}},
	{"graceful.Component: what it did before it was up → the Start of a later phase", func(x *cell) {
		m := manager()
		m.Add(1, graceful.Component{Name: "a", Start: does(x.task), Stop: fine})
		m.Add(2, graceful.Component{Name: "b", Start: does(x.read), Stop: fine})
		stopped(m)
		x.join()
	}},
	{"graceful.Component: the end of its Stop → the Stop of a lower phase", func(x *cell) {
		m := manager()
		m.Add(1, graceful.Component{Name: "a", Stop: does(x.read)})
		m.Add(2, graceful.Component{Name: "b", Stop: does(x.task)})
		stopped(m)
		x.join()
	}},
	{"graceful.Manager: the call of Stop → the components' Stop", func(x *cell) {
		m := manager()
		m.Add(1, graceful.Component{Name: "a", Stop: does(x.read)})
		var up hint
		m.Add(2, graceful.Component{Name: "b", Start: does(up.give), Stop: fine})
		x.beside(func() {
			up.await()
			x.write()
			m.Stop(nil)
			x.late()
		})
		_, _ = m.Run(ctx)
		x.join()
	}},
	{"graceful.Manager: the end of a component → the return of Run", func(x *cell) {
		m := manager()
		m.Add(1, graceful.Component{Name: "a", Stop: does(x.task)})
		stopped(m)
		x.read()
		x.join()
	}},
}
