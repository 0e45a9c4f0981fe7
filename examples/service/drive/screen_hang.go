package drive

// The part of the screen that tells what came of the planted hang.

import (
	"fmt"
	"strings"
)

// blameLines is how much of a report the screen has room for.
const blameLines = 4

// hangLines tells what either server did, and quotes what belay blames.
func (r *results) hangLines() (lines []string) {
	for _, k := range kinds {
		lines = append(lines, fmt.Sprintf("  %-8s%s", k, r.hangs[k]))
	}
	blame := r.hangs[belay].blame()
	if len(blame) == 0 {
		return lines
	}
	lines[len(lines)-1] += "; its report says:"
	var quote []string
	for _, line := range blame {
		depth := 4 + indent(line) - indent(blame[0])
		quote = append(quote, wrap(strings.TrimSpace(line), depth, screenColumns)...)
	}
	lines = append(lines, quote[:min(len(quote), blameLines)]...)
	if names := r.hangs[belay].spared(); len(names) > 0 {
		lines = append(lines, "    "+strings.Join(names, " ")+"   stopped")
	}
	return lines
}

// String tells in one line what a server did.
func (h hangResult) String() string {
	said := "nothing printed"
	switch {
	case len(h.blame()) > 0:
		said = hungComponent + " named"
	case strings.TrimSpace(h.text) != "":
		said = "nothing printed that names it"
	}
	if h.killed {
		return fmt.Sprintf("%s; killed after %s", said, span(h.after))
	}
	return fmt.Sprintf("exit %d after %s, %s", h.exit, span(h.after), said)
}
