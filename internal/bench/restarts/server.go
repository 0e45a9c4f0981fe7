//go:build unix

package restarts

// This file is the server: one process with all protocols, that is replaced by
// graceful, or by one of the two ways in which it is usually done.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc"

	"github.com/belay-go/belay/graceful"
	"github.com/belay-go/belay/internal/bench/served"
	"github.com/belay-go/belay/internal/handover"
)

const (
	// role is set in the environment of a server, to how it is replaced.
	role = "BELAY_RESTARTS_SERVER"
	// managed is graceful. handed gets the sockets in the same way, and then
	// stops by Shutdown and GracefulStop, as their documentation shows it; reused
	// opens its own with SO_REUSEPORT, and stops in the same way.
	managed, handed, reused = "graceful", "handed", "reused"

	// where is set for a reused server, to the addresses of the one before.
	where = "BELAY_RESTARTS_ADDRS"

	// budget is what a process is given for its stop.
	budget = 5 * time.Second
)

// Child plays a server if this process is one; code is then its exit code.
func Child() (code int, is bool) {
	kind := os.Getenv(role)
	if kind == "" {
		return 0, false
	}
	s := servers{
		web: served.Web(served.H2C, http.HandlerFunc(served.Echo)),
		tls: served.Web(served.TLSH2, http.HandlerFunc(served.Echo)),
		rpc: served.RPC(served.EchoCall),
	}
	if kind == managed {
		return s.managed(), true
	}
	return s.plain(kind), true
}

// servers are all that a process serves.
type servers struct {
	web, tls *http.Server
	rpc      *grpc.Server
}

// ready tells who started the first process whom to signal, and where to ask:
// idle is where the connections go along that are idle, if there is such an
// address.
func ready(web, tls, rpc, idle any) {
	fmt.Printf("ready %d %v %v %v %v\n", os.Getpid(), web, tls, rpc, idle)
}

func (s servers) managed() int {
	var m *graceful.Manager
	m = graceful.New(graceful.Options{
		Budget: budget,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
		Restart: graceful.RestartOptions{
			// Nothing is in doubt here, so the old one goes at once.
			Enabled: true, Probation: -1, Draining: mostDraining, Budget: time.Minute,
		},
		OnReady: func() { ready(m.Addr("web"), m.Addr("tls"), m.Addr("rpc"), m.Addr("idle")) },
	})
	idle := graceful.HTTP("idle", "127.0.0.1:0", served.Web(served.HTTP1, http.HandlerFunc(served.Echo)))
	idle.HandOverIdle = true
	m.Add(0,
		graceful.HTTP("web", "127.0.0.1:0", s.web),
		graceful.HTTP("tls", "127.0.0.1:0", s.tls),
		graceful.GRPC("rpc", "127.0.0.1:0", s.rpc),
		idle)
	report, err := m.Run(context.Background())
	if code := report.ExitCode(); code != 0 || err != nil {
		fmt.Fprintln(os.Stderr, report, err)
		return code
	}
	return 0
}

// plain serves as one would without this module.
func (s servers) plain(kind string) int {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	restart := make(chan os.Signal, 1)
	signal.Notify(restart, syscall.SIGUSR2)
	lns, tell, err := listeners(kind)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for i, serve := range []func(net.Listener) error{
		s.web.Serve,
		func(ln net.Listener) error { return served.Serve(s.tls, ln) },
		s.rpc.Serve,
	} {
		go func() { _ = serve(lns[i]) }() // ends with the stop
	}
	tell()
	ready(lns[0].Addr(), lns[1].Addr(), lns[2].Addr(), "-")
	for {
		select {
		case <-restart:
			if err := replace(kind, lns); err != nil {
				fmt.Fprintln(os.Stderr, err)
				continue
			}
		case <-ctx.Done():
		}
		return s.shutdown()
	}
}

var names = [...]string{"web", "tls", "rpc"}

// listeners returns the sockets of a process, and what to call when it serves.
func listeners(kind string) (lns []net.Listener, tell func(), err error) {
	in, err := handover.Inherit()
	if err != nil {
		return nil, nil, err
	}
	tell = func() {}
	if in != nil {
		tell = func() { _ = in.Link.Send(handover.Message{Kind: handover.Ready}) }
		for _, s := range in.Sockets {
			ln, err := net.FileListener(s.File)
			if err != nil {
				return nil, nil, err
			}
			_ = s.File.Close()
			lns = append(lns, ln)
		}
	}
	if len(lns) > 0 {
		return lns, tell, nil
	}
	addrs := strings.Fields(os.Getenv(where))
	for i := range names {
		addr := "127.0.0.1:0"
		if i < len(addrs) {
			addr = addrs[i]
		}
		var lc net.ListenConfig
		lc.SetMultipathTCP(false)
		if kind == reused {
			lc.Control = func(_, _ string, c syscall.RawConn) (err error) {
				bad := c.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) })
				return errors.Join(bad, err)
			}
		}
		ln, err := lc.Listen(context.Background(), "tcp", addr)
		if err != nil {
			return nil, nil, err
		}
		lns = append(lns, ln)
	}
	return lns, tell, nil
}

// replace starts the next process and returns when it serves.
func replace(kind string, lns []net.Listener) error {
	path, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := handover.Command{Path: path, Args: os.Args, Env: os.Environ()}
	var addrs []string
	for i, ln := range lns {
		addrs = append(addrs, ln.Addr().String())
		if kind == reused {
			continue
		}
		f, err := handover.Duplicate(ln.(*net.TCPListener), names[i])
		if err != nil {
			return err
		}
		defer f.Close()
		cmd.Sockets = append(cmd.Sockets, handover.Socket{SocketInfo: handover.SocketInfo{Name: names[i]}, File: f})
	}
	cmd.Env = append(cmd.Env, where+"="+strings.Join(addrs, " "))
	p, err := handover.Start(cmd)
	if err != nil {
		return err
	}
	for {
		m, err := p.Link.Receive()
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("the next process has ended: %s", p.Wait())
		}
		if err != nil || m.Kind == handover.Ready {
			return err
		}
	}
}

// shutdown stops all servers as their documentation shows it.
func (s servers) shutdown() int {
	ctx, cancel := context.WithTimeout(context.Background(), budget)
	defer cancel()
	var all sync.WaitGroup
	var webErr, tlsErr error
	all.Go(func() { webErr = s.web.Shutdown(ctx) })
	all.Go(func() { tlsErr = s.tls.Shutdown(ctx) })
	all.Go(func() {
		cut := time.AfterFunc(budget, s.rpc.Stop)
		defer cut.Stop()
		s.rpc.GracefulStop()
	})
	all.Wait()
	if err := errors.Join(webErr, tlsErr); err != nil {
		return 3 // the process ends, and with it what it has not answered
	}
	return 0
}
