package drive

// The screen at the end: all that was measured, on one page of a terminal.

import (
	"fmt"
	"strings"
)

// screenLines and screenColumns are the page.
const screenLines, screenColumns = 24, 80

// screen renders the results and gives the verdict. When there is more to say
// than fits, the table gives way to what went wrong.
func (r *results) screen() (text string, exit int) {
	lines := []string{"Real processes, real sockets, no client retries. " + r.machine + "."}
	lines = append(lines, r.table()...)
	lines = append(lines, "",
		fmt.Sprintf("Stop with one component that hangs (planted, budget %.0f s):", hangGrace.Seconds()))
	lines = append(lines, r.hangLines()...)
	lines = append(lines, "")

	last, exit := r.lastLine()
	end := append(r.faults(), last)
	end = end[max(len(end)-screenLines, 0):]
	lines = append(lines[:min(screenLines-len(end), len(lines))], end...)
	for i, line := range lines {
		lines[i] = clip(line, screenColumns)
	}
	return strings.Join(lines, "\n") + "\n", exit
}

// lastLine is the verdict with its numbers.
func (r *results) lastLine() (line string, exit int) {
	word, exit := r.verdict()
	hang := "the hang was named"
	if !r.hangs[belay].named() {
		hang = "the hang was not named"
	}
	return fmt.Sprintf("%s  belay lost %s of %s; the control lost %s; %s.  %s", word,
		count(sum(r.of(belay), lost)), count(asked(r.of(belay))),
		count(sum(r.of(plain), lost)), hang, span(r.took)), exit
}

// asked counts the requests that had a right to an answer.
func asked(rounds []round) int {
	return sum(rounds, answered) + sum(rounds, odd) + sum(rounds, shed) + sum(rounds, lost)
}
