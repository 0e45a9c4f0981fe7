// Package status shows what a [graceful.Manager] does at this moment, as a page
// for people and as JSON for tools: its state and since when, every component
// with its age, its times, its errors and the line at which it hangs, the
// budget, the connections by state and age, and the [belay.Stats] of limits and
// groups. What holds up a start or a stop stands on top.
//
// A program mounts it where its clients can't reach it:
//
//	admin.Handle("/debug/belay", status.Handler(m, status.Options{}))
//
// Nothing is registered by importing the package.
//
// # The page
//
// It is one HTML document without scripts, forms, pictures or any other
// resource, reads well in a text browser, light and dark, and is well-formed
// XML. With ?format=json it is an object with the same content under keys in
// lower_snake case, which stay: keys may be added. Durations are in seconds, as
// numbers; a negative one, like a negative limit, means that there is no bound.
// Nothing in it is refreshed by itself.
//
// Rendering takes time in proportion to the components and connections; it
// calls the Stats functions, holds nothing up, and takes no goroutine profile.
// ?stacks, which needs [Options.Detail], takes one: it is
// [graceful.Manager.Inspect].
//
// # Who may read it
//
// The page has no accounts. It is for an address of its own that only operators
// reach. Against a web page that an operator has open at the same time:
//
//   - only GET and HEAD are answered, and they change nothing;
//   - the Host of the request must be an IP address, localhost, or a name in
//     [Options.Hosts]; all others get 403, which ends DNS rebinding, since that
//     needs a name;
//   - the answer forbids everything that a browser could do with it but show
//     it: no script, no frame, no other origin, no cache.
//
// Remote addresses, the components' remarks, which may have some, and stacks
// are only in it with [Options.Detail]; the names of components and of the
// functions in which they hang, and their errors, always are.
//
// When not to use it: on an address that clients reach, and as what a load balancer
// asks, which [graceful.Manager.Readyz] is for.
//
// # What it will not do
//
// It stops, changes and remembers nothing, and is no metrics endpoint: an
// exporter reads the Stats themselves. Connections of servers other than
// [graceful.HTTP] are not known to the manager, and not shown.
package status

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/graceful"
)

// Options are the knobs of [Handler]; the zero value hides what is of clients
// and is for IP addresses and localhost only.
type Options struct {
	// Title is what the page is called. Empty is the name of the program.
	Title string

	// Detail adds what tells of clients and of code: the oldest connections
	// with their remote addresses, the remarks of components, the stacks of
	// what was cut or is stuck, and ?stacks.
	Detail bool

	// Hosts are the names, besides localhost, under which the page may be
	// asked for, as they stand in the address bar. Case and port don't matter.
	Hosts []string

	// Stats are the limits and groups to show, by name: the Stats methods of
	// semaphores, rates, groups and the like. They are called once for each
	// page, and must not wait.
	Stats map[string]func() belay.Stats
}

// Handler returns the page of m, for any path it is mounted at. It may be asked
// at any time: before m runs, while it stops, and afterwards, when the page is
// the last report. It panics for a nil manager and a nil Stats function. What
// is in opts may be changed afterwards; it is safe for concurrent use.
func Handler(m *graceful.Manager, opts Options) http.Handler {
	if m == nil {
		panic("status: Handler with a nil manager")
	}
	h := &handler{m: m, title: opts.Title, detail: opts.Detail, stats: maps.Clone(opts.Stats), hosts: map[string]bool{"localhost": true}}
	if h.title == "" {
		h.title = program()
	}
	for _, host := range opts.Hosts {
		h.hosts[name(host)] = true
	}
	for _, name := range slices.Sorted(maps.Keys(h.stats)) {
		if h.stats[name] == nil {
			panic("status: nil Stats function")
		}
		h.names = append(h.names, name)
	}
	return h
}

// A handler is immutable.
type handler struct {
	m      *graceful.Manager
	title  string
	detail bool
	stats  map[string]func() belay.Stats
	names  []string // of the stats, sorted
	hosts  map[string]bool
}

// ServeHTTP answers with the page, or says why not.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	head := w.Header()
	head.Set("Cache-Control", "no-store")
	head.Set("Content-Security-Policy", policy)
	head.Set("Cross-Origin-Resource-Policy", "same-origin")
	head.Set("Referrer-Policy", "no-referrer")
	head.Set("X-Content-Type-Options", "nosniff")
	query := r.URL.Query()
	format, stacks := query.Get("format"), query.Has("stacks")
	switch {
	case !h.answersTo(r.Host):
		refuse(w, http.StatusForbidden, fmt.Sprintf("the page is not served under the name %q: ask for an IP address or localhost, or add the name to status.Options.Hosts", r.Host))
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		head.Set("Allow", "GET, HEAD")
		refuse(w, http.StatusMethodNotAllowed, "only GET and HEAD")
	case format != "" && format != "html" && format != "json":
		refuse(w, http.StatusBadRequest, "format is html or json")
	case stacks && !h.detail:
		refuse(w, http.StatusForbidden, "stacks are shown only with status.Options.Detail")
	default:
		h.answer(w, format, h.look(stacks))
	}
}

// answer renders the page as a whole before the first byte is sent: a slow
// client waits for itself alone.
func (h *handler) answer(w http.ResponseWriter, format string, p page) {
	var body bytes.Buffer
	kind, err := "text/html; charset=utf-8", error(nil)
	if format == "json" {
		kind = "application/json"
		encoder := json.NewEncoder(&body)
		encoder.SetIndent("", "  ")
		err = encoder.Encode(p)
	} else {
		err = document.Execute(&body, p)
	}
	if err != nil {
		panic("BUG: status: " + err.Error()) // the page is plain data, whatever is in it
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Length", strconv.Itoa(body.Len()))
	_, _ = w.Write(body.Bytes()) // net/http drops it for HEAD; a client that has gone needs no answer
}

func refuse(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	_, _ = w.Write([]byte("status: " + text + "\n"))
}

// answersTo reports whether the page may be asked for under this Host. A page
// of somebody else's can have its name resolved to our address, but it can't
// make a browser send an IP address or localhost as the Host of its own origin.
func (h *handler) answersTo(host string) bool {
	host = name(host)
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return h.hosts[host]
}

// name is a Host without its port, in the form in which names are compared.
func name(host string) string {
	if bare, _, err := net.SplitHostPort(host); err == nil {
		host = bare
	} else if inner, ok := strings.CutPrefix(host, "["); ok {
		host = strings.TrimSuffix(inner, "]")
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}
