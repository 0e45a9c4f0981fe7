package main

// How the control restarts: what every process does, whether or not it can be
// replaced.

import (
	"net"
	"os"
)

// plainNames are the sockets, in the order in which they are handed over.
var plainNames = [...]string{"http", "grpc", "admin"}

// plainVar says how many sockets a process was started with, from descriptor 3
// on. The one after them is to be closed when it is ready.
const plainVar = "SERVICE_PLAIN_SOCKETS"

// plainHeir is the promise of a new process to say that it is ready; nil if
// nobody waits for that.
type plainHeir struct{ say *os.File }

func (h *plainHeir) ready() {
	if h != nil {
		_, _ = h.say.Write([]byte{1}) // whoever has gone needs no news
		h.say.Close()
	}
}

// plainListeners returns the sockets that were handed over, or new ones.
func (s *service) plainListeners(getenv func(string) string) (lns map[string]net.Listener, heir *plainHeir, err error) {
	if getenv(plainVar) != "" {
		return inheritPlain()
	}
	lns = map[string]net.Listener{}
	for name, addr := range s.cfg.addresses() {
		ln, err := net.Listen("tcp", addr)
		if err != nil {
			return nil, nil, bindError(name, addr, err)
		}
		lns[name] = ln
	}
	return lns, nil, nil
}

func inheritPlain() (lns map[string]net.Listener, heir *plainHeir, err error) {
	lns = map[string]net.Listener{}
	for i, name := range plainNames {
		f := os.NewFile(uintptr(3+i), name)
		ln, err := net.FileListener(f)
		f.Close()
		if err != nil {
			return nil, nil, err
		}
		lns[name] = ln
	}
	return lns, &plainHeir{os.NewFile(uintptr(3+len(plainNames)), "ready")}, nil
}
