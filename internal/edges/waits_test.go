package edges_test

// Waits and timers.

import (
	"context"
	"sync"
	"time"

	"github.com/belay-go/belay/timeout"
)

var ofWaits = []edge{
	{"timeout.WaitGroup: Done → the return of Wait", func(x *cell) {
		var wg timeout.WaitGroup
		wg.Add(1)
		x.beside(func() { x.write(); wg.Done(); x.late() })
		wg.Wait()
		x.read()
		x.join()
	}},
	{"timeout.WaitGroup: the return of a func of Go → the return of WaitContext, when it is nil", func(x *cell) {
		var wg timeout.WaitGroup
		wg.Go(x.task)
		if wg.WaitContext(ctx) == nil {
			x.read()
		}
		x.join()
	}},
	{"timeout.WaitGroup: Done → a WaitTimeout that is false", func(x *cell) {
		var wg timeout.WaitGroup
		wg.Add(1)
		x.beside(func() { x.write(); wg.Done(); x.late() })
		if !wg.WaitTimeout(time.Hour) {
			x.read()
		}
		x.join()
	}},
	{"timeout.WaitGroup: Done → the end of Zero's channel", func(x *cell) {
		var wg timeout.WaitGroup
		wg.Add(1)
		x.beside(func() { x.write(); wg.Done(); x.late() })
		<-wg.Zero()
		x.read()
		x.join()
	}},
	{"timeout.WaitGroup: Close → a TryAdd that is refused", func(x *cell) {
		var wg timeout.WaitGroup
		x.beside(func() {
			for wg.TryAdd(1) {
				wg.Done()
			}
			x.read()
		})
		x.write()
		wg.Close()
		x.late()
		x.join()
	}},
	{"timeout.Wait: the last Done → its return of false", func(x *cell) {
		var wg sync.WaitGroup
		wg.Add(1)
		x.beside(func() { x.write(); wg.Done(); x.late() })
		if !timeout.Wait(&wg, time.Hour) {
			x.read()
		}
		x.join()
	}},
	{"timeout.Timer: Reset → the call of Func for it", func(x *cell) {
		done := make(chan struct{})
		t := timeout.Timer{Func: func() { x.read(); close(done) }}
		x.write()
		t.Reset(0)
		x.late()
		<-done
	}},
	{"timeout.Timer: a call of Func → the return of a StopWait that waited for it", func(x *cell) {
		var runs, waits hint
		t := timeout.Timer{Func: func() { runs.give(); waits.await(); x.task() }}
		t.Reset(0)
		runs.await()
		waits.give()
		t.StopWait()
		x.read()
		x.join()
	}},
	{"timeout.Timer: a call of Func → the next call of Func", func(x *cell) {
		var first hint
		done := make(chan struct{})
		t := timeout.Timer{}
		t.Func = func() {
			if first.given() {
				x.read()
				close(done)
				return
			}
			x.task()
			first.give()
		}
		t.Reset(0)
		first.await()
		t.Reset(0)
		<-done
		x.join()
	}},
	{"timeout.Watchdog: Start → the call of Func", func(x *cell) {
		done := make(chan struct{})
		w := timeout.Watchdog{Idle: time.Millisecond, Func: func() { x.read(); close(done) }}
		x.write()
		w.Start()
		x.late()
		<-done
	}},
	{"timeout.Watchdog: End → a later call of Func", func(x *cell) {
		var begun, watched hint
		done := make(chan struct{})
		w := timeout.Watchdog{Idle: time.Millisecond, Func: func() { x.read(); close(done) }}
		x.beside(func() {
			w.Begin()
			begun.give()
			watched.await()
			x.write()
			w.End()
			x.late()
		})
		begun.await()
		w.Start()
		watched.give()
		<-done
		x.join()
	}},
	{"timeout.Watchdog: a call of Func → the next call of Func", func(x *cell) {
		var first hint
		done := make(chan struct{})
		w := timeout.Watchdog{Idle: time.Millisecond}
		w.Func = func() {
			if first.given() {
				x.read()
				close(done)
				return
			}
			x.task()
			first.give()
		}
		w.Start()
		first.await()
		w.Start()
		<-done
		x.join()
	}},
	{"timeout.Ticker: a Wait that returns a tick → the return of a later tick", func(x *cell) {
		var first hint
		ticker := timeout.Ticker{Every: time.Millisecond}
		x.beside(func() {
			first.await()
			_ = ticker.Wait(ctx)
			x.read()
		})
		x.write()
		_ = ticker.Wait(ctx)
		first.give()
		x.late()
		x.join()
	}},
	{"timeout.Abandon: the call → its func", func(x *cell) {
		var r timeout.Runner
		x.write()
		_, _ = timeout.Abandon(&r, ctx, time.Hour, func(context.Context) (int, error) {
			x.beside(x.late)
			x.read()
			return 0, nil
		})
		x.join()
	}},
	{"timeout.Abandon: its func → its return, if that is in time", func(x *cell) {
		var r timeout.Runner
		_, _ = timeout.Abandon(&r, ctx, time.Hour, func(context.Context) (int, error) { x.task(); return 0, nil })
		x.read()
		x.join()
	}},
	{"timeout.Runner: an abandoned func → the return of WaitContext, when it is nil", func(x *cell) {
		var left hint
		var r timeout.Runner
		ctx, cancel := context.WithCancel(ctx)
		_, _ = timeout.Abandon(&r, ctx, time.Hour, func(context.Context) (int, error) { cancel(); left.await(); x.task(); return 0, nil })
		left.give()
		if r.WaitContext(context.Background()) == nil {
			x.read()
		}
		x.join()
	}},
}
