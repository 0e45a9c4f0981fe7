package main

// This file is the clients.

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"time"
)

type tally struct {
	answered, lost int
	why, wrong     string
}

type load struct {
	s    *service
	quit chan struct{}
	all  sync.WaitGroup
	mu   sync.Mutex
	tally
}

// load begins to send requests, each on a connection of its own.
func (s *service) load() *load {
	l := &load{s: s, quit: make(chan struct{})}
	sum := sha256.Sum256([]byte("chaos"))
	want := hex.EncodeToString(sum[:])
	for range 4 {
		l.all.Go(func() { // ends with stop
			client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
			for {
				select {
				case <-l.quit:
					return
				case <-time.After(3 * time.Millisecond):
					l.note(request(&client, "http://"+s.addr+"/sum?path=file", want))
				}
			}
		})
	}
	return l
}

var errWrong = errors.New("a wrong answer")

func request(client *http.Client, url, want string) error {
	r, err := client.Get(url)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	switch {
	case err != nil:
		return err
	case r.StatusCode == http.StatusOK && !strings.Contains(string(body), want):
		return fmt.Errorf("%w: %q", errWrong, body)
	}
	return nil // 429 and 503 are answers
}

func (l *load) note(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err == nil:
		l.answered++
	case errors.Is(err, errWrong):
		l.wrong = err.Error()
	case l.s.stopping.Load() && errors.Is(err, syscall.ECONNREFUSED):
		// refused after the end of accepting
	default:
		l.lost++
		l.why = err.Error()
	}
}

func (l *load) stop() tally {
	close(l.quit)
	l.all.Wait()
	return l.tally
}

// freeAddr is an address that nobody listens on.
func freeAddr() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer ln.Close()
	return ln.Addr().String(), nil
}
