// Package misses gives signals back, or catches them for the whole process.
package misses

import (
	"context"
	"log"
	"os"
	"os/signal"
	"syscall"
)

type watcher struct{ c chan os.Signal }

var always, _ = signal.NotifyContext(context.Background(), os.Interrupt)

func init() {
	ctx, _ := signal.NotifyContext(context.Background(), os.Interrupt)
	go func() { <-ctx.Done() }()
}

func kept(ctx context.Context) (context.Context, func()) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	return ctx, stop
}

func stopped() {
	c := make(chan os.Signal, 1)
	signal.Notify(c, os.Interrupt)
	defer signal.Stop(c)
	<-c
}

func handler(cancel func()) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, os.Interrupt)
	go func() {
		for range c {
			cancel()
		}
	}()
}

func exits() {
	c := make(chan os.Signal, 1)
	signal.Notify(c, os.Interrupt)
	<-c
	os.Exit(1)
}

func second(cancel func()) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, os.Interrupt)
	<-c
	signal.Reset(os.Interrupt)
}

func forever(reload func()) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, os.Interrupt)
	for {
		<-c
		reload()
	}
}

func given(c chan os.Signal) {
	signal.Notify(c, os.Interrupt)
	<-c
}

func (w *watcher) start() {
	signal.Notify(w.c, os.Interrupt)
	<-w.c
}

func handedOn(use func(<-chan os.Signal)) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, os.Interrupt)
	use(c)
	<-c
}

// The process ends, raises the signal again, or becomes another one.
func ends1() {
	c := make(chan os.Signal, 1)
	signal.Notify(c, os.Interrupt)
	<-c
	log.Fatal("signal")
}

func ends2() {
	c := make(chan os.Signal, 1)
	signal.Notify(c, os.Interrupt)
	<-c
	log.Fatalf("signal %d", 1)
}

func ends3() {
	c := make(chan os.Signal, 1)
	signal.Notify(c, os.Interrupt)
	<-c
	log.Fatalln("signal")
}

func ends4() {
	c := make(chan os.Signal, 1)
	signal.Notify(c, os.Interrupt)
	<-c
	syscall.Kill(0, syscall.SIGINT)
}

func ends5() {
	c := make(chan os.Signal, 1)
	signal.Notify(c, os.Interrupt)
	<-c
	signal.Ignore(os.Interrupt)
}

func ends6() {
	c := make(chan os.Signal, 1)
	signal.Notify(c, os.Interrupt)
	<-c
	syscall.Exec("/bin/true", nil, nil)
}
