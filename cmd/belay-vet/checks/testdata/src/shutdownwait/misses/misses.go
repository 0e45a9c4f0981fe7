// Package misses waits for Shutdown, or may.
package misses

import (
	"context"
	"log"
	"net/http"
	"sync"
	"time"
)

func waited(ctx context.Context, srv *http.Server) error {
	done := make(chan struct{})
	go func() {
		defer close(done)
		<-ctx.Done()
		srv.Shutdown(context.Background())
	}()
	err := srv.ListenAndServe()
	<-done
	return err
}

// The caller has the group.
func counted(ctx context.Context, srv *http.Server, wg *sync.WaitGroup) error {
	wg.Add(1)
	go func() {
		defer wg.Done()
		<-ctx.Done()
		srv.Shutdown(context.Background())
	}()
	return srv.ListenAndServe()
}

func sent(ctx context.Context, srv *http.Server, errs chan error) error {
	go func() {
		<-ctx.Done()
		errs <- srv.Shutdown(context.Background())
	}()
	return srv.ListenAndServe()
}

func told(ctx context.Context, srv *http.Server, finished func()) error {
	go func() {
		<-ctx.Done()
		srv.Shutdown(context.Background())
		finished()
	}()
	return srv.ListenAndServe()
}

func slept(ctx context.Context, srv *http.Server) {
	go func() {
		<-ctx.Done()
		srv.Shutdown(context.Background())
	}()
	srv.ListenAndServe()
	time.Sleep(time.Second)
}

func deferred(ctx context.Context, srv *http.Server, idle chan int) error {
	defer func() { <-idle }()
	go func() {
		<-ctx.Done()
		srv.Shutdown(context.Background())
	}()
	return srv.ListenAndServe()
}

func other(ctx context.Context, srv, admin *http.Server) error {
	go func() {
		<-ctx.Done()
		admin.Shutdown(context.Background())
	}()
	return srv.ListenAndServe()
}

// Nobody takes the goroutine's end for that of the server.
func started(ctx context.Context, srv *http.Server) {
	go func() {
		go func() {
			<-ctx.Done()
			srv.Shutdown(context.Background())
		}()
		srv.ListenAndServe()
	}()
	go srv.ListenAndServe()
}

// It serves nothing, and prepares the server only.
func prepared(ctx context.Context, srv *http.Server) {
	go func() {
		<-ctx.Done()
		srv.Shutdown(context.Background())
	}()
	srv.SetKeepAlivesEnabled(false)
}

type tasks struct{ sync.Mutex }

func (*tasks) StopAll() {}
func (*tasks) Drain()   {}
func (*tasks) JoinAll() {}

func shutdownAll() {}
func waitForAll()  {}

// By its name, what comes after Serve may wait.
func named1(ctx context.Context, srv *http.Server, tasks *tasks) {
	go func() {
		<-ctx.Done()
		srv.Shutdown(context.Background())
	}()
	srv.ListenAndServe()
	tasks.StopAll()
}

func named2(ctx context.Context, srv *http.Server, tasks *tasks) {
	go func() {
		<-ctx.Done()
		srv.Shutdown(context.Background())
	}()
	srv.ListenAndServe()
	tasks.Drain()
}

func named3(ctx context.Context, srv *http.Server, tasks *tasks) {
	go func() {
		<-ctx.Done()
		srv.Shutdown(context.Background())
	}()
	srv.ListenAndServe()
	tasks.JoinAll()
}

func named4(ctx context.Context, srv *http.Server, tasks *tasks) {
	go func() {
		<-ctx.Done()
		srv.Shutdown(context.Background())
	}()
	srv.ListenAndServe()
	tasks.Lock()
}

func named5(ctx context.Context, srv *http.Server, tasks *tasks) {
	go func() {
		<-ctx.Done()
		srv.Shutdown(context.Background())
	}()
	srv.ListenAndServe()
	shutdownAll()
}

func named6(ctx context.Context, srv *http.Server, tasks *tasks) {
	go func() {
		<-ctx.Done()
		srv.Shutdown(context.Background())
	}()
	srv.ListenAndServe()
	waitForAll()
}

// It goes on when Serve has returned, for as long as it likes.
func goesOn(ctx context.Context, srv *http.Server, next func() error) {
	go func() {
		<-ctx.Done()
		srv.Shutdown(context.Background())
	}()
	err := srv.ListenAndServe()
	for {
		if err = next(); err != nil {
			log.Fatal(err)
		}
	}
}
