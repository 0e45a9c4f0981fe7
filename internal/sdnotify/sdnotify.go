// Package sdnotify sends and receives the datagrams of systemd's sd_notify
// protocol. What they say and when is up to the two who use it: graceful, which
// speaks for a service, and belay-run, which listens to services and speaks for
// them.
package sdnotify

import "strings"

// A Field is one assignment of a message.
type Field struct{ Name, Value string }

// Parse returns the assignments of a message. What isn't one is skipped, as
// systemd does.
func Parse(text string) (fields []Field) {
	for line := range strings.SplitSeq(text, "\n") {
		if name, value, ok := strings.Cut(line, "="); ok && name != "" {
			fields = append(fields, Field{name, value})
		}
	}
	return fields
}
