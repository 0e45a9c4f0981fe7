//go:build unix

// Belayrun restarts a server without losing a request: belay-run holds the socket
// and the pid that others know, and the server behind it changes.
//
// Look at serve, where nothing is said of that. Any server will do, in whatever
// language, that takes its socket as from systemd and ends well at SIGTERM; one of
// net/http alone loses a request now and then, as its Shutdown does.
//
// It prints:
//
//	servers that answered: 2, lost: 0 of ...
//	stopped: exit status 0
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/belay-go/belay/graceful"
)

// serve is the server. Run by itself, it would bind the address.
func serve() int {
	handler := func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, os.Getpid()) }
	srv := &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(handler)}
	var m graceful.Manager
	m.Add(1, graceful.HTTP("http", "127.0.0.1:8080", srv))
	return m.Main(context.Background())
}

func main() {
	if os.Getenv("LISTEN_FDS") != "" { // belay-run has started us
		os.Exit(serve())
	}
	dir, err := os.MkdirTemp("", "belayrun")
	check(err)
	defer os.RemoveAll(dir)
	os.Setenv("XDG_RUNTIME_DIR", dir) // where its control socket is
	tool := filepath.Join(dir, "belay-run")
	check(exec.Command("go", "build", "-o", tool, "github.com/belay-go/belay/cmd/belay-run").Run())
	self, err := os.Executable()
	check(err)

	// In a shell: belay-run -listen http=:8080 -- ./server
	run := exec.Command(tool, "-name", "shop", "-listen", "http=127.0.0.1:0",
		"-probation", "200ms", "--", self)
	run.Stderr = os.Stderr
	check(run.Start())
	url := "http://" + addr(tool)

	restarted := make(chan error)
	go func() { restarted <- exec.Command(tool, "-name", "shop", "restart").Run() }() // returns when it is over
	servers, total, lost := map[string]bool{}, 0, 0
	for restarting := true; restarting || len(servers) < 2 && total < 10_000; time.Sleep(time.Millisecond) {
		select {
		case err := <-restarted:
			check(err)
			restarting = false
		default:
		}
		pid, err := get(url) // never tried again
		if total++; err != nil {
			lost++
		}
		servers[pid] = true
	}
	fmt.Printf("servers that answered: %d, lost: %d of %d\n", len(servers), lost, total)
	check(exec.Command(tool, "-name", "shop", "stop").Run())
	check(run.Wait())
	fmt.Println("stopped:", run.ProcessState)
}

// addr waits until belay-run serves, and asks it where.
func addr(tool string) string {
	var status struct {
		State   string
		Sockets []struct{ Addr string }
	}
	for range 1000 {
		out, err := exec.Command(tool, "-name", "shop", "status", "-json").Output()
		if err == nil && json.Unmarshal(out, &status) == nil && status.State == "ready" {
			return status.Sockets[0].Addr
		}
		time.Sleep(10 * time.Millisecond)
	}
	panic("belay-run is not ready")
}

func get(url string) (string, error) {
	resp, err := http.Get(url)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
