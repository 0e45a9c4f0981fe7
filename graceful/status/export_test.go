package status

// The rendering by itself, for reports that no manager gives on demand.

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/belay-go/belay/graceful"
)

// MostConns is how many connections are listed.
const MostConns = mostConns

// Render returns both forms of the page of a report.
func Render(opts Options, rep graceful.Report, conns []graceful.Conn, now time.Time) (html, object string) {
	h := Handler(graceful.New(graceful.Options{}), opts).(*handler)
	p := h.of(rep, now)
	p.Conns = h.conns(conns)
	p.Stats = []stats{}
	for _, name := range h.names {
		p.Stats = append(p.Stats, statsOf(name, h.stats[name]()))
	}
	var b strings.Builder
	if err := document.Execute(&b, p); err != nil {
		panic(err)
	}
	j, err := json.Marshal(p)
	if err != nil {
		panic(err)
	}
	return b.String(), string(j)
}

// Text is how the page prints a duration.
func Text(d time.Duration) string { return seconds(d).String() }
