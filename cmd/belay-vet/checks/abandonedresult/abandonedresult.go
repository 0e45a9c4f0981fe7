// Package abandonedresult finds goroutines that send their result on a channel
// without room, to a receiver that may have left.
package abandonedresult

import (
	_ "embed"
	"fmt"
	"go/ast"
	"strconv"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/ctrlflow"

	"github.com/belay-go/belay/cmd/belay-vet/internal/check"
	"github.com/belay-go/belay/cmd/belay-vet/internal/code"
)

//go:embed doc.md
var page string

// Analyzer reports the send that stays for ever.
var Analyzer = check.New("abandonedresult", page, run, ctrlflow.Analyzer)

func run(pass *check.Pass) {
	cfgs := pass.ResultOf[ctrlflow.Analyzer].(*ctrlflow.CFGs)
	for _, ch := range code.Channels(pass.TypesInfo, pass.Root) {
		if ch.Buffered || code.IsMain(pass.Pkg, ch.Home.Node()) {
			continue
		}
		c := &channel{Channel: ch, pass: pass, cfgs: cfgs}
		if c.collect() {
			c.look()
		}
	}
}

// sender is a goroutine that sends one result.
type sender struct {
	*code.Routine
	first  *ast.SendStmt
	always bool // it sends on each way to its end
	last   bool // the send is the last that it does
}

// look walks the ways on which the channel's home leaves the senders.
func (c *channel) look() {
	walk := code.Leave{
		Body: code.Body(c.Home.Node()), Graph: code.Graph(c.cfgs, c.Home.Node()), Meets: c.meets, Ends: c.ends,
	}
	if walk.Graph == nil {
		return
	}
	var always []*sender
	for _, s := range c.senders {
		if s.Many(c.Channel) {
			c.lookAtMany(walk, s)
			return
		}
		if s.always && !s.Perhaps(c.Channel) {
			always = append(always, s)
		}
	}
	for _, s := range c.senders {
		if !s.always {
			continue
		}
		for _, way := range walk.Ways(s.Go.Node()) {
			if !way.Met && (way.Clause != nil || !s.Perhaps(c.Channel)) && !c.inLoop(way, s) {
				c.report(s, way, "")
				return
			}
		}
	}
	if len(always) < 2 {
		return
	}
	walk.Starts = map[ast.Node]bool{}
	for _, s := range always[1:] {
		walk.Starts[s.Go.Node()] = true
	}
	for _, way := range walk.Ways(always[0].Go.Node()) {
		c.report(always[len(always)-1], way, "the function receives less often than goroutines send")
		return
	}
}

// lookAtMany does so for goroutines that start in a loop, whose number isn't
// known: a way that has met some counts only if it leaves a loop or a select
// that was to meet the rest.
func (c *channel) lookAtMany(walk code.Leave, s *sender) {
	if !s.always || len(c.senders) > 1 {
		return
	}
	walk.Loops = true
	for _, way := range walk.Ways(s.Go.Node()) {
		if way.Clause != nil || !way.Met && !s.Perhaps(c.Channel) {
			c.report(s, way, "")
			return
		}
		if loop := c.countedLoop(way.Return, s); loop != nil {
			c.report(s, way, "the loop that receives ends early")
			return
		}
	}
}

// inLoop reports whether the return is in a loop that receives, and not in the
// case that was taken: what decides on it may be what earlier turns received.
func (c *channel) inLoop(way code.Way, s *sender) bool {
	if clause := way.Clause; clause != nil && clause.Pos() <= way.Return.Pos() && way.Return.Pos() < clause.End() {
		return false
	}
	at, ok := c.Home.FindNode(way.Return)
	if !ok {
		return false
	}
	for up := range at.Enclosing((*ast.ForStmt)(nil), (*ast.RangeStmt)(nil)) {
		for m := range c.meets {
			if !up.Contains(s.Go) && up.Node().Pos() <= m.Pos() && m.End() <= up.Node().End() {
				return true
			}
		}
	}
	return false
}

// countedLoop returns the loop around the return that receives from the
// channel as often as its head says; nil if it is another kind of loop.
func (c *channel) countedLoop(ret *ast.ReturnStmt, s *sender) ast.Node {
	at, ok := c.Home.FindNode(ret)
	if !ok {
		return nil
	}
	for up := range at.Enclosing((*ast.ForStmt)(nil), (*ast.RangeStmt)(nil), (*ast.SelectStmt)(nil)) {
		switch n := up.Node().(type) {
		case *ast.SelectStmt:
			return nil
		case *ast.ForStmt:
			if n.Cond == nil {
				return nil
			}
		}
		if up.Contains(s.Go) || c.meets[up.Node()] {
			return nil
		}
		for m := range c.meets {
			if up.Node().Pos() <= m.Pos() && m.End() <= up.Node().End() {
				return up.Node()
			}
		}
	}
	return nil
}

func (c *channel) report(s *sender, way code.Way, why string) {
	if way.Clause != nil && code.IsTest(c.pass.Fset.File(way.Clause.Pos()).Name()) {
		return // a test that waits with a limit fails there, and the goroutine ends with it
	}
	at := analysis.RelatedInformation{Pos: way.Return.Pos(), Message: "the function leaves here"}
	switch {
	case why != "":
	case way.Clause != nil:
		why = code.First(c.pass.TypesInfo, way.Clause)
		at = analysis.RelatedInformation{Pos: way.Clause.Pos(), End: way.Clause.Colon, Message: "the case that leaves"}
	default:
		why = fmt.Sprintf("the function returns in line %d, before it receives", c.pass.Fset.Position(way.Return.Pos()).Line)
	}
	room := len(c.senders)
	advice := fmt.Sprintf("give the channel room for %d", room)
	fixable := true
	for _, s := range c.senders {
		fixable = fixable && s.last
		if s.Many(c.Channel) {
			advice, fixable = "give the channel room for all of them", false
		}
	}
	d := analysis.Diagnostic{
		Pos: s.first.Pos(), End: s.first.End(),
		Message: fmt.Sprintf("when %s, the goroutine that sends on %s stays for ever: %s", why, c.Var.Name(), advice),
		Related: []analysis.RelatedInformation{{Pos: c.Make.Pos(), End: c.Make.End(), Message: "the channel without room"}, at},
	}
	if fixable {
		d.SuggestedFixes = []analysis.SuggestedFix{{Message: advice, TextEdits: []analysis.TextEdit{c.edit(room)}}}
	}
	c.pass.Report(d)
}

// edit gives the channel room for n.
func (c *channel) edit(n int) analysis.TextEdit {
	if len(c.Make.Args) > 1 {
		return analysis.TextEdit{Pos: c.Make.Args[1].Pos(), End: c.Make.Args[1].End(), NewText: []byte(strconv.Itoa(n))}
	}
	end := c.Make.Args[0].End()
	return analysis.TextEdit{Pos: end, End: end, NewText: []byte(", " + strconv.Itoa(n))}
}
