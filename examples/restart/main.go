// Restart replaces itself while clients ask: another process of the program that is
// on disk by then gets the socket, and no request is lost.
//
// Look at what the server does for it: nothing, but to set Enabled. In production
// SIGUSR2 asks for the restart; here the program does, and counts who answered.
//
// It prints:
//
//	the first process answered: true
//	the second process answered: true
//	lost: 0 of ...
//	the first one ended because: graceful: another process has taken this one's place: pid ...
package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/belay-go/belay/graceful"
)

func main() {
	var m *graceful.Manager
	var driven sync.WaitGroup
	m = graceful.New(graceful.Options{
		Restart: graceful.RestartOptions{
			Enabled:   true,
			Probation: 200 * time.Millisecond, // 10 s, if you say nothing
		},
		OnReady: func() {
			if m.Report().Generation == 0 {
				driven.Go(func() { drive(m) })
			}
		},
	})
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, m.Report().Generation)
	})
	mux.HandleFunc("/stop", func(http.ResponseWriter, *http.Request) { m.Stop(nil) })
	m.Add(1, graceful.HTTP("http", "127.0.0.1:0", &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}))

	report, err := m.Run(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	driven.Wait() // the clients, which outlive the server here
	if report.Generation == 0 {
		fmt.Println("the first one ended because:", report.Cause)
	}
	os.Exit(report.ExitCode())
}

// drive is eight clients that ask all the time and never retry, and a restart.
func drive(m *graceful.Manager) {
	url := "http://" + m.Addr("http").String()
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 8}}
	var first, second, lost atomic.Int64
	var clients sync.WaitGroup
	deadline := time.Now().Add(20 * time.Second)
	for range 8 {
		clients.Go(func() {
			for m.State() != "done" && time.Now().Before(deadline) { // until the first one has gone
				switch generation, err := ask(client, url); {
				case err != nil:
					fmt.Fprintln(os.Stderr, err)
					lost.Add(1)
				case generation == "0":
					first.Add(1)
				default:
					second.Add(1)
				}
			}
		})
	}
	if err := m.Restart(context.Background()); err != nil { // returns when the other one accepts
		fmt.Println(err)
	}
	clients.Wait()
	fmt.Println("the first process answered:", first.Load() > 0)
	fmt.Println("the second process answered:", second.Load() > 0)
	fmt.Printf("lost: %d of %d\n", lost.Load(), first.Load()+second.Load()+lost.Load())

	// The second one would serve on: this is only an example.
	for err := error(nil); err == nil && time.Now().Before(deadline); {
		_, err = ask(client, url+"/stop")
		time.Sleep(10 * time.Millisecond)
	}
}

func ask(client *http.Client, url string) (string, error) {
	resp, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}
