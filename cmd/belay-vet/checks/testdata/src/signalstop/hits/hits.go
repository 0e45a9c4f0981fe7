// Package hits leaves signals caught.
package hits

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func dropped(ctx context.Context) context.Context {
	ctx, _ = signal.NotifyContext(ctx, os.Interrupt) // want "the stop function is dropped"
	return ctx
}

func declared() {
	var ctx, _ = signal.NotifyContext(context.Background(), os.Interrupt) // want "the stop function is dropped"
	<-ctx.Done()
}

func closure(run func(func())) {
	run(func() {
		ctx, _ := signal.NotifyContext(context.Background(), os.Interrupt) // want "the stop function is dropped"
		<-ctx.Done()
	})
}

func wait() os.Signal {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGTERM) // want "the registration stays"
	return <-c
}

func either(done chan int) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, os.Interrupt, syscall.SIGTERM) // want "the registration stays"
	select {
	case <-c:
	case <-done:
	}
}
