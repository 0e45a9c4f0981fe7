//go:build unix

// Belay-run holds the sockets and the pid of a server, so that any server, in any
// language, is restarted without losing a connection:
//
//	belay-run -listen http=:8080 -- ./server args
//	belay-run restart
//
// The server gets its sockets as systemd's socket activation hands them over
// (LISTEN_FDS, LISTEN_FDNAMES, LISTEN_PID; descriptors from 3 on), and says that
// it is ready as sd_notify does (NOTIFY_SOCKET). So a server that works below
// systemd works below belay-run: a graceful.Manager does, and many others. Those
// that can't say when they are ready get -ready after=2s.
//
// A restart starts a second server on the same sockets, waits until it is ready
// and through its probation, in which both serve, and then stops the first one by
// SIGTERM. A new one that is not ready in time, or ends in its probation, is
// thrown away, and the first one stays. A server that ends by itself is started
// again while connections wait in the queue; five times in a minute are too
// often, and belay-run ends with exit code 1. What a server has started and leaves
// behind, in its process group, gets SIGTERM, and SIGKILL after -grace: it would
// serve on without anybody's knowing.
//
// # Below others
//
// As process 1 of a container it passes signals on and waits for orphans. Below
// systemd (Type=notify) its pid is the one that stays; it says READY, RELOADING,
// STOPPING and STATUS for the server. SIGTERM and SIGINT stop, SIGHUP restarts;
// SIGQUIT, SIGUSR1, SIGUSR2 and SIGWINCH go to the servers. If belay-run is killed
// its servers are, too (on Linux, by the kernel), but not what they have started,
// and none that has changed its user since.
//
// # What it will not do
//
// It never touches a connection, reads no file, and starts nothing but the command
// that it was given: the control socket has verbs and no arguments. What must not
// run twice runs twice in a probation, since the two servers don't know each
// other; a graceful.Manager that restarts itself hands such things on.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
)

func init() {
	// The kernel ends the servers when the thread that started them ends: that
	// is to be this one, which lasts as long as the process.
	runtime.LockOSThread()
}

func main() {
	if ran, code := trampoline(); ran {
		os.Exit(code)
	}
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run is main with its arguments; it returns the exit code.
func run(args []string, stdout, stderr io.Writer) int {
	c, err := parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, usage)
		return 0
	case err != nil:
		fmt.Fprintf(stderr, "belay-run: %v\n", err)
		return 2
	case c.verb != "":
		return ask(c, stdout, stderr)
	}
	return serve(c, stderr)
}
