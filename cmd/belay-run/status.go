//go:build unix

package main

// What there is to know: as a table for people and as JSON for tools.

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// status is a snapshot. Durations are in seconds.
type status struct {
	Name     string         `json:"name"`
	PID      int            `json:"pid"`
	Age      float64        `json:"age"`
	State    string         `json:"state"` // starting, ready, restarting or stopping
	Restarts int            `json:"restarts"`
	Crashes  int            `json:"crashes"`
	Sockets  []socketStatus `json:"sockets"`
	Servers  []serverStatus `json:"servers"`
}

type socketStatus struct {
	Name    string `json:"name"`
	Network string `json:"network"`
	Addr    string `json:"addr"`
}

type serverStatus struct {
	Number int     `json:"number"` // generations are counted over all slots
	Slot   int     `json:"slot"`
	PID    int     `json:"pid"`
	State  state   `json:"state"`
	Role   string  `json:"role"` // current, next or old
	Age    float64 `json:"age"`
	Said   string  `json:"status,omitempty"`
}

func (s *supervisor) status(pid int, now time.Time) *status {
	st := &status{
		Name: s.name, PID: pid, Age: now.Sub(s.began).Seconds(), State: "starting",
		Restarts: s.restarts, Crashes: s.crashed,
	}
	switch {
	case s.stopping:
		st.State = "stopping"
	case s.restart != nil:
		st.State = "restarting"
	case s.ready:
		st.State = "ready"
	}
	for _, l := range s.listen {
		st.Sockets = append(st.Sockets, socketStatus{l.name, l.network, l.addr})
	}
	for i, slot := range s.slots {
		for _, server := range slot.all() {
			role := "old"
			switch server {
			case slot.current:
				role = "current"
			case slot.next:
				role = "next"
			}
			st.Servers = append(st.Servers, serverStatus{
				server.number, i, server.pid, server.state, role, now.Sub(server.started).Seconds(), server.said,
			})
		}
	}
	return st
}

// print writes the snapshot.
func (st *status) print(w io.Writer, asJSON bool) {
	if asJSON {
		_ = json.NewEncoder(w).Encode(st) // nobody to tell of a failure
		return
	}
	fmt.Fprintf(w, "%s  %s, pid %d, for %s; restarts %d, crashes %d\n", st.Name, st.State, st.PID, age(st.Age), st.Restarts, st.Crashes)
	var sockets []string
	for _, s := range st.Sockets {
		sockets = append(sockets, fmt.Sprintf("%s=%s:%s", s.Name, s.Network, s.Addr))
	}
	if len(sockets) > 0 {
		fmt.Fprintf(w, "sockets  %s\n", strings.Join(sockets, "  "))
	}
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "server\tpid\tstate\trole\tage\tstatus")
	for _, s := range st.Servers {
		fmt.Fprintf(t, "%d\t%d\t%s\t%s\t%s\t%s\n", s.Number, s.PID, s.State, s.Role, age(s.Age), oneLine(s.Said))
	}
	_ = t.Flush()
}

func age(seconds float64) string {
	return time.Duration(seconds * float64(time.Second)).Round(100 * time.Millisecond).String()
}
