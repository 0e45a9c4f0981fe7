//go:build unix

package drive

// The test binary plays the server children.

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
)

// roleVar names the part that a child plays. It is not one of SERVICE_*,
// which a child would not get.
const roleVar = "DRIVE_TEST_ROLE"

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVar); role != "" {
		play(role)
		return
	}
	os.Exit(m.Run())
}

// play is a server, as far as its role goes.
func play(role string) {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	switch role {
	case "dies":
		fmt.Fprintln(os.Stderr, "no such luck")
		os.Exit(7)
	case "mumbles":
		fmt.Println("hello there")
	case "drives":
		os.Setenv(roleVar, "serves")
		c, err := (&children{exe: os.Args[0]}).start(nil, nil)
		if err != nil {
			panic(err)
		}
		ready(c.http)
	case "hides its page":
		web := httptest.NewServer(http.NotFoundHandler())
		ready(web.Listener.Addr().String())
	default:
		ready(serveAdmin())
	}
	<-stop
	switch role {
	case "hangs":
		select {}
	case "blames":
		fmt.Fprintf(os.Stderr, "level=INFO msg=stopping\n  %s  STUCK  3.0 s\n    where it waits\n  http  stopped\n", hungComponent)
		os.Exit(3)
	}
	fmt.Fprint(os.Stderr, strings.Join(os.Args[1:], " "), "\nSERVICE_STOP=", os.Getenv("SERVICE_STOP"),
		" SERVICE_LIMITS=", os.Getenv("SERVICE_LIMITS"), "\n")
}

func ready(addr string) { fmt.Printf("ready http=%s grpc=%s pid=%d\n", addr, addr, os.Getpid()) }

// serveAdmin serves the version and the state on one address.
func serveAdmin() (addr string) {
	mux := http.NewServeMux()
	web := httptest.NewServer(mux)
	addr = web.Listener.Addr().String()
	mux.HandleFunc("GET /version", func(w http.ResponseWriter, _ *http.Request) {
		if os.Getenv(roleVar) == "interrupts" {
			syscall.Kill(os.Getppid(), syscall.SIGTERM)
		}
		fmt.Fprintf(w, `{"pid":%d,"generation":1,"admin":%q}`, os.Getpid(), addr)
	})
	mux.HandleFunc("GET /state", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"pid":1,"goroutines":12,"descriptors":9,"memory":4096,"in_flight":2}`)
	})
	return addr
}
