//go:build unix

package main

// The control socket: three verbs, for our own user and root.

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/belay-go/belay/timeout"
)

const (
	// A request has at most so many bytes, and takes at most so long to come.
	mostRequest = 4096
	requestTime = 2 * time.Second

	controlName = "control"

	// mostFolder leaves room in the 104 bytes that every Unix has for the path of
	// a socket: for the number of a server that is started again and again.
	mostFolder = 104 - len("/notify-1000000000") - 1
)

// folder returns where the sockets of a name are.
func folder(name string) string {
	base := os.Getenv("XDG_RUNTIME_DIR")
	if base == "" {
		base = "/run"
	}
	return filepath.Join(base, name)
}

// makeFolder makes the folder of the control socket, which nobody else may enter.
// One that is there already and is for others, too, or another's, is left as it
// is: a command may well be called like a service that has its folder there.
func makeFolder(dir string) error {
	if len(dir) > mostFolder {
		return fmt.Errorf("%s is too long for the path of a socket", dir)
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	info, err := os.Lstat(dir)
	switch {
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is no folder", dir)
	case info.Mode().Perm() != 0o700, int(info.Sys().(*syscall.Stat_t).Uid) != os.Geteuid():
		return fmt.Errorf("%s is there, and isn't ours alone (%v); choose another -name, or chmod it to 0700", dir, info.Mode())
	}
	return nil
}

// reply is what is answered.
type reply struct {
	Error  string  `json:"error,omitempty"`
	Status *status `json:"status,omitempty"`
}

// control listens for requests.
type control struct {
	ln  net.Listener
	ask func(verb string) (r reply, ok bool) // false: nobody answers any more
	log *slog.Logger

	serving timeout.WaitGroup
}

// listenControl makes the socket, and a goroutine that ends with it.
func listenControl(dir string, log *slog.Logger, ask func(verb string) (reply, bool)) (*control, error) {
	path := filepath.Join(dir, controlName)
	if err := removeStale("unix", path); err != nil {
		return nil, err
	}
	ln, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		_ = ln.Close()
		return nil, err
	}
	c := &control{ln: ln, ask: ask, log: log}
	go func() {
		for {
			conn, err := ln.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				time.Sleep(requestTime / 10) // want of descriptors, say
				continue
			}
			c.serving.Go(func() { c.serve(conn.(*net.UnixConn)) }) // ends with the reply
		}
	}()
	return c, nil
}

// close ends it, once those who are being answered have their answer. One who
// doesn't read it is not waited for.
func (c *control) close() {
	_ = c.ln.Close()
	c.serving.WaitTimeout(requestTime)
}

// serve answers one request.
func (c *control) serve(conn *net.UnixConn) {
	defer conn.Close()
	uid, pid, ok := peer(conn)
	if !ok {
		c.log.Warn("control: refused", "uid", uid, "pid", pid)
		return
	}
	_ = conn.SetDeadline(time.Now().Add(requestTime))
	verb, n, ok := readVerb(conn)
	if !ok {
		level := slog.LevelWarn
		if n == 0 {
			level = slog.LevelDebug // one that looks whether anybody is here, as findControl does
		}
		c.log.Log(context.Background(), level, "control: no request", "uid", uid, "pid", pid, "bytes", n)
		return
	}
	c.log.Info("control", "verb", verb, "uid", uid, "pid", pid)
	_ = conn.SetDeadline(time.Time{})
	answer, ok := c.ask(verb)
	if !ok {
		answer = reply{Error: "it has ended"}
	}
	_ = conn.SetWriteDeadline(time.Now().Add(requestTime))
	_ = json.NewEncoder(conn).Encode(answer) // nobody to tell of a failure
}

// readVerb reads a request: a verb, the end of the line, and no more is looked at.
// n is how many bytes came instead of one.
func readVerb(r io.Reader) (verb string, n int, ok bool) {
	line, err := bufio.NewReader(io.LimitReader(r, mostRequest)).ReadString('\n')
	verb = strings.TrimSuffix(line, "\n")
	return verb, len(line), err == nil && slices.Contains(verbs, verb)
}

// peer says who is at the other end.
func peer(conn *net.UnixConn) (uid, pid int, ok bool) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return -1, -1, false
	}
	if err := raw.Control(func(fd uintptr) { uid, pid, ok = mayAsk(int(fd)) }); err != nil {
		return -1, -1, false
	}
	return uid, pid, ok
}

// ask is the other side: it sends a verb, prints what comes back, and returns the
// exit code.
func ask(c config, stdout, stderr io.Writer) int {
	fail := func(err error) int {
		fmt.Fprintf(stderr, "belay-run: %v\n", err)
		return 1
	}
	path, err := findControl(c.name)
	if err != nil {
		return fail(err)
	}
	conn, err := net.Dial("unix", path)
	if err != nil {
		return fail(fmt.Errorf("nothing runs there: %w", err))
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, c.verb+"\n"); err != nil {
		return fail(err)
	}
	var r reply
	if err := json.NewDecoder(conn).Decode(&r); err != nil {
		return fail(fmt.Errorf("no answer: %w", err))
	}
	if r.Status != nil {
		r.Status.print(stdout, c.json)
	}
	if r.Error != "" {
		return fail(errors.New(r.Error))
	}
	return 0
}

// findControl returns the control socket of a name, or the only one that there is.
func findControl(name string) (string, error) {
	if name != "" {
		return filepath.Join(folder(name), controlName), nil
	}
	entries, err := os.ReadDir(filepath.Dir(folder("any")))
	if err != nil {
		return "", err
	}
	var live []string
	for _, entry := range entries {
		path := filepath.Join(folder(entry.Name()), controlName)
		info, err := os.Lstat(path)
		if err != nil || info.Mode()&os.ModeSocket == 0 {
			continue
		}
		if conn, err := net.Dial("unix", path); err == nil { // not one that was killed
			_ = conn.Close()
			live = append(live, path)
		}
	}
	switch len(live) {
	case 0:
		return "", errors.New("nothing runs here; -name says which")
	case 1:
		return live[0], nil
	}
	return "", fmt.Errorf("there are several; -name says which: %s", strings.Join(live, ", "))
}
