//go:build unix

// Belayrun restarts a plain net/http server, which knows nothing of belay, without
// losing a request: belay-run holds the socket, and the server behind it changes.
//
// Look at serve: a socket that comes as descriptor 3, as from systemd, and Shutdown
// at SIGTERM are all that a server has to have, in whatever language.
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
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// serve is the server.
func serve() error {
	ln, err := net.FileListener(os.NewFile(3, "http"))
	if err != nil {
		return err
	}
	stop, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	handler := func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, os.Getpid()) }
	srv := &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(handler)}
	go srv.Serve(ln)
	<-stop.Done()
	return srv.Shutdown(context.Background())
}

func main() {
	if os.Getenv("LISTEN_FDS") != "" { // belay-run has started us
		check(serve())
		return
	}
	dir, err := os.MkdirTemp("", "belayrun")
	check(err)
	defer os.RemoveAll(dir)
	os.Setenv("XDG_RUNTIME_DIR", dir) // where its control socket is
	tool := filepath.Join(dir, "belay-run")
	check(exec.Command("go", "build", "-o", tool, "./cmd/belay-run").Run())
	self, err := os.Executable()
	check(err)

	// In a shell: belay-run -listen http=:8080 -ready after=1s -- ./server
	run := exec.Command(tool, "-name", "shop", "-listen", "http=127.0.0.1:0",
		"-ready", "after=100ms", "-probation", "200ms", "--", self)
	run.Stderr = os.Stderr
	check(run.Start())
	url := "http://" + addr(tool)

	restarted := make(chan error)
	go func() { restarted <- exec.Command(tool, "-name", "shop", "restart").Run() }() // returns when it is over
	servers, total, lost := map[string]bool{}, 0, 0
	for restarting := true; restarting; time.Sleep(time.Millisecond) {
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

// client has a connection for each request: Shutdown loses requests on idle ones.
var client = http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

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
	resp, err := client.Get(url)
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
