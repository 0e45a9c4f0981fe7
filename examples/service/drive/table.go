package drive

// The table on the screen: a line for each thing that was measured, a column
// for each kind of server.

import (
	"fmt"
	"strings"
)

const labelWidth, cellWidth = 40, 20

// row is one line of the table.
type row struct {
	label string
	cell  func([]round) string // of all rounds of a kind
	quiet bool                 // not shown where it is 0 for both
}

// Above the acts, what was asked; below them, what else was seen.
var (
	rowsBefore = []row{
		{"requests answered", total(answered), false},
		{"  http/1.1 POST   keep-alive | one-shot", split(count, keepAlive, oneShot), false},
		{"  h2c | grpc unary | grpc stream", split(short, overH2C, grpcUnary, grpcStream), false},
	}
	rowsAfter = []row{
		{"refused: dialled after accepting ended", total(refused), false},
		{"shed: 429, 503, ResourceExhausted", total(shed), true},
		{"answered with something else", total(odd), true},
		{"longest stall seen by a client", func(rs []round) string { return span(stall(rs)) }, false},
		{"last answer -> process gone (p50)", func(rs []round) string { return span(percentile(lastToGo(rs), 50)) }, false},
		{"goroutines, descriptors after vs before", kept, false},
		{"heap of the idle server, at most", func(rs []round) string { return size(memory(rs)) }, false},
	}
)

// table compares the two kinds.
func (r *results) table() (lines []string) {
	line := func(label string, cells ...string) {
		text := fmt.Sprintf("%-*s", labelWidth, label)
		for _, c := range cells {
			text += fmt.Sprintf("%*s", cellWidth, c)
		}
		lines = append(lines, text)
	}
	rows := func(rows []row) {
		for _, row := range rows {
			a, b := row.cell(r.of(plain)), row.cell(r.of(belay))
			if !row.quiet || a != "0" || b != "0" {
				line(row.label, a, b)
			}
		}
	}
	line(fmt.Sprintf("%d clients a protocol, %d or more flying", connections+spare, connections), "plain net/http+grpc", "belay")
	rows(rowsBefore)
	for i, a := range acts {
		line(fmt.Sprintf("LOST in %d %s", a.total(), a.titles), r.lostIn(i, plain), r.lostIn(i, belay))
	}
	rows(rowsAfter)
	return lines
}

// total counts an outcome.
func total(o outcome) func([]round) string {
	return func(rounds []round) string { return count(sum(rounds, o)) }
}

// split counts the answers by protocol.
func split(write func(int) string, protocols ...protocol) func([]round) string {
	return func(rounds []round) string {
		var cells []string
		for _, p := range protocols {
			cells = append(cells, write(sumOf(rounds, p, answered)))
		}
		return strings.Join(cells, " | ")
	}
}

// kept tells what an idle server had more of after the load than before.
func kept(rounds []round) string {
	goroutines, descriptors, counted := gained(rounds)
	if !counted {
		return fmt.Sprintf("%+d, not counted", goroutines)
	}
	return fmt.Sprintf("%+d, %+d", goroutines, descriptors)
}

// lostIn says how many rounds it took, if it took more than planned.
func (r *results) lostIn(act int, k kind) string {
	rounds := r.rounds[act][k]
	n := count(sum(rounds, lost))
	if len(rounds) > acts[act].rounds {
		n += fmt.Sprintf(" in %d", len(rounds))
	}
	return n
}
