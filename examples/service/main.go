// Service is a small file server as one would run it in production, and shows
// what each package of belay is for: it hashes and searches the files below a
// folder, over http and grpc.
//
//	go run ./examples/service -root . -http 127.0.0.1:8080 -grpc 127.0.0.1:9090
//	curl 127.0.0.1:8080/sum?path=go.mod
//
// Who wants to know where a package is used:
//
//   - errgroup: files/sum.go and files/search.go, many files at a time
//   - limiter/keyed: clients.go, a rate for each client
//   - limiter/adaptive: limits.go, a bound for the whole that finds itself
//   - limiter/semaphore: limits.go, one for streams, from which it could not learn
//   - limiter/httplimit: limits.go, both in front of the http routes
//   - ctxutil: http.go and rpc.go, a deadline for each request that never
//     extends the client's own
//   - timeout: digest.go, work in the background that a stop waits for, but
//     not for ever
//   - graceful: serve.go, the order of start and stop, signals, the report
//   - graceful/status: admin.go, the page that tells what the service waits for
//   - contrib/grpc: rpclimits.go, limits and deadlines of the grpc side, and serve.go,
//     its stop
//   - contrib/prometheus: admin.go, the metrics
//
// SIGTERM, SIGINT and SIGQUIT stop it without losing a request. SIGHUP reads
// the limits again. SIGUSR2 puts a new process in its place, which starts the
// program that is on disk by then; the clients don't notice. The exit code is 0 after a clean stop, 1 if
// something failed to start or in mid-run, 2 for a command line that makes no
// sense, 3 if something did not stop in time.
//
// It serves plain text without TLS or accounts, never writes a file, and is
// not a file server to build upon: every bound in it is a constant.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
)

func main() {
	os.Exit(process{os.Stdout, os.Stderr, os.Getenv}.run(os.Args[1:]))
}

// process is what the world around hands to the program.
type process struct {
	stdout, stderr io.Writer
	getenv         func(string) string
}

// run is main without its os.Exit; it returns the exit code.
func (p process) run(args []string) int {
	cfg, err := parse(args, p.getenv)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(p.stdout, usage)
		return 0
	case err != nil:
		return p.fail(2, err)
	case cfg.drive:
		return p.drive(cfg)
	}
	// Before anything is ready nothing is logged, so that a start that fails
	// is one line.
	level := new(slog.LevelVar)
	level.Set(slog.LevelError + 1)
	s, err := newService(cfg, slog.New(slog.NewTextHandler(p.stderr, &slog.HandlerOptions{Level: level})))
	if err != nil {
		return p.fail(2, err)
	}
	defer s.Close()
	onReady := func(web, rpc net.Addr) {
		level.Set(slog.LevelInfo)
		s.setReady(true)
		fmt.Fprintf(p.stdout, "ready http=%v grpc=%v pid=%d\n", web, rpc, os.Getpid())
	}
	if cfg.plain {
		return p.servePlain(s, onReady)
	}
	return p.serve(s, onReady)
}

// fail prints the one line that says why the program can't do its work.
func (p process) fail(exit int, err error) int {
	fmt.Fprintf(p.stderr, "service: %v\n", err)
	return exit
}
