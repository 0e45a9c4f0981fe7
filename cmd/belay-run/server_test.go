//go:build unix

package main

// The server that the test binary plays: one that answers lines, on whatever it is
// given.

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/belay-go/belay/internal/sdnotify"
)

// play is what the test binary does in a process of its own.
func play(name string, args []string) int {
	switch name {
	case "server":
		return playServer(args)
	case "sleeper": // who holds what it has inherited
		wait(time.Hour)
	}
	return 99
}

// told says something to belay-run.
func told(text string) {
	if err := sdnotify.Send(os.Getenv("NOTIFY_SOCKET"), text); err != nil {
		say("notify: %v", err)
	}
}

// playServer serves. Its manners are those that the arguments name, or that the
// file says which follows manners=, as it is at the start.
func playServer(args []string) int {
	manners := map[string]string{}
	for _, arg := range args {
		name, value, _ := strings.Cut(arg, "=")
		if name == "manners" {
			text, err := os.ReadFile(value)
			if err != nil {
				return 98
			}
			name, value, _ = strings.Cut(strings.TrimSpace(string(text)), "=")
		}
		manners[name] = value
	}
	has := func(name string) bool { _, ok := manners[name]; return ok }
	if has("fails") {
		say("it fails")
		return 7
	}
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGQUIT, syscall.SIGWINCH)
	if has("mute") {
		return lastSignal(signals)
	}
	if has("successor") { // it puts another process in its place, and ends at once
		cmd := exec.Command(os.Args[0], "play:server", "started")
		cmd.Stdout = os.Stdout
		cmd.ExtraFiles = []*os.File{os.NewFile(3, "listen")}
		if err := cmd.Start(); err != nil {
			return 97
		}
		told("READY=1\nMAINPID=" + strconv.Itoa(cmd.Process.Pid))
		return 0
	}
	if has("leaves") { // a process that holds the sockets
		cmd := exec.Command(os.Args[0], "play:"+manners["leaves"])
		cmd.ExtraFiles = []*os.File{os.NewFile(3, "listen")}
		if err := cmd.Start(); err != nil {
			return 97
		}
		say("left %d", cmd.Process.Pid)
	}
	if has("orphans") { // whose end is for whoever waits for it
		_ = exec.Command("sh", "-c", "(sleep 0.1) & (sleep 0.1) & :").Run()
	}
	s, err := takeSockets(has("started"))
	if err != nil {
		say("sockets: %v", err)
		return 96
	}
	text := "READY=1"
	if manners["says"] != "" {
		text += "\nSTATUS=" + manners["says"]
	}
	told(text)
	for {
		sig := (<-signals).(syscall.Signal)
		if sig != syscall.SIGTERM {
			say("got %v", sig)
			continue
		}
		if has("stubborn") {
			told("STATUS=waiting for the moon")
			continue
		}
		s.close()
		return 0
	}
}

func lastSignal(signals chan os.Signal) int {
	for sig := range signals {
		if sig == syscall.SIGTERM {
			return 0
		}
	}
	return 95
}

// lines is the server proper.
type lines struct {
	listeners []net.Listener
	packets   []net.PacketConn
	serving   sync.WaitGroup
}

// takeSockets takes what it is given, as sd_listen_fds does.
func takeSockets(inherited bool) (*lines, error) {
	s := &lines{}
	n, pid := os.Getenv("LISTEN_FDS"), os.Getenv("LISTEN_PID")
	if inherited {
		n, pid = "1", strconv.Itoa(os.Getpid())
	}
	if n == "" {
		return s, nil
	}
	count, err := strconv.Atoi(n)
	if err != nil || pid != strconv.Itoa(os.Getpid()) {
		return nil, errors.New("not for me: " + n + " for " + pid)
	}
	for fd := 3; fd < 3+count; fd++ {
		f := os.NewFile(uintptr(fd), "socket")
		ln, err := net.FileListener(f)
		if err == nil {
			s.listeners = append(s.listeners, ln)
			s.serving.Go(func() { s.accept(ln) }) // ends with the listener, or the process
		} else {
			pc, err := net.FilePacketConn(f)
			if err != nil {
				return nil, err
			}
			s.packets = append(s.packets, pc)
			go s.echo(pc) // ends with the socket
		}
		_ = f.Close()
	}
	return s, nil
}

// close ends when all who were accepted have their answer.
func (s *lines) close() {
	for _, ln := range s.listeners {
		_ = ln.Close()
	}
	for _, pc := range s.packets {
		_ = pc.Close()
	}
	s.serving.Wait()
}

func (s *lines) accept(ln net.Listener) {
	if u, ok := ln.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(false) // its path is belay-run's
	}
	for {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		s.serving.Go(func() { // ends with the answer
			defer conn.Close()
			line, _ := bufio.NewReader(conn).ReadString('\n')
			fmt.Fprintln(conn, answerTo(strings.TrimSpace(line)))
		})
	}
}

func (s *lines) echo(pc net.PacketConn) {
	buf := make([]byte, 100)
	for {
		_, from, err := pc.ReadFrom(buf)
		if err != nil {
			return
		}
		_, _ = pc.WriteTo([]byte(strconv.Itoa(os.Getpid())), from)
	}
}

func answerTo(line string) string {
	name, arg, _ := strings.Cut(line, " ")
	switch name {
	case "env":
		return os.Getenv(arg)
	case "environ":
		return strings.Join(os.Environ(), " ")
	case "say":
		told(strings.ReplaceAll(arg, `\n`, "\n"))
		return "said"
	case "die":
		os.Exit(9)
	case "slow":
		d, _ := time.ParseDuration(arg)
		wait(d)
	}
	return strconv.Itoa(os.Getpid())
}
