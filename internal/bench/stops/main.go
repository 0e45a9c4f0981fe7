// Command stops finds out whether a stop loses requests. It starts real server
// processes, which are this binary again, asks them over http/1.1, h2c, TLS h2
// and grpc with as many clients as is called a load, sends SIGTERM at a random
// time and counts what became of each request, as long as anybody answers.
//
//	go run ./internal/bench/stops            100 stops of graceful
//	go run ./internal/bench/stops -n 10      a look
//
// The same is done to servers that are stopped as the documentation of net/http
// and grpc shows it. It exits with 1 if graceful lost a request, or did not stop
// cleanly; with 4 if the others lost nothing, for then this load proves nothing;
// with 2 if it could not do its work.
//
// What became of a request is told in package load.
package main

// This file has the flags, the order of the stops, and what they mean.

import (
	"flag"
	"fmt"
	"os"
	"time"
)

const (
	// controlMost is how many stops of the others may lose nothing.
	controlMost = 20
	// shown is how many losses are printed as they come, of each outcome.
	shown = 10
)

func main() {
	if kind := os.Getenv(role); kind != "" {
		os.Exit(playServer(kind))
	}
	n := flag.Int("n", 100, "stops of graceful")
	conns := flag.Int("conns", 64, "connections of each protocol, each with a request in flight at the signal")
	flag.Parse()
	if flag.NArg() > 0 || *n < 1 || *conns < 1 {
		flag.Usage()
		os.Exit(2)
	}
	os.Exit(run(*n, *conns))
}

// run makes all stops and returns the exit code.
func run(n, conns int) int {
	began := time.Now()
	control, ours := &side{kind: plain}, &side{kind: managed}
	for i := 0; i < min(max(3, n/10), controlMost) || i < controlMost && control.lost() == 0; i++ {
		if err := control.stop(conns); err != nil {
			return broken(err)
		}
	}
	if verdict, code := judge(ours, control); code == 4 {
		fmt.Println(verdict)
		return code
	}
	for range n {
		if err := ours.stop(conns); err != nil {
			return broken(err)
		}
	}
	fmt.Print(table(ours, control, conns))
	verdict, code := judge(ours, control)
	fmt.Printf("%s; %.0f s\n", verdict, time.Since(began).Seconds())
	return code
}

// judge says what the stops mean, and the exit code for it.
func judge(ours, control *side) (verdict string, code int) {
	switch {
	case control.lost() == 0:
		return fmt.Sprintf("VOID: %d stops by Shutdown and GracefulStop lost nothing: this load proves nothing", control.stops), 4
	case ours.lost() > 0 || ours.unclean > 0:
		return fmt.Sprintf("FAIL: graceful lost %d of %s, and %d of %d stops did not end cleanly",
			ours.lost(), thousands(ours.asked()), ours.unclean, ours.stops), 1
	}
	return fmt.Sprintf("PASS: graceful lost 0 of %s; the control lost %s of %s",
		thousands(ours.asked()), thousands(control.lost()), thousands(control.asked())), 0
}

func broken(err error) int {
	fmt.Fprintln(os.Stderr, "stops:", err)
	return 2
}
