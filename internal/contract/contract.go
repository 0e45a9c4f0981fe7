// Package contract checks the rules of CONTRACT.md that can be checked
// mechanically: written once, run by every package on its own calls.
//
// A package lists its calls in a [Table] and hands it to [Run] in a test of
// its own. The table is held against the package's source: a call that may
// block and is missing from it fails the test, so nothing escapes the rules by
// being forgotten. For each rule this package's own tests plant a fault and
// see that the rule finds it.
package contract

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/belay-go/belay/internal/surface"
)

// Kind says what a call does while it may block: it decides which rules apply.
type Kind int

const (
	// Acquire takes something, or waits for a moment: a done context loses.
	Acquire Kind = iota + 1
	// Collect waits for a result that then stays: the result wins.
	Collect
	// Plain may block but takes no context: the twin of another package's call.
	Plain
	// Serve runs until its context ends, and then ends without an error.
	Serve
)

// Call describes one exported call.
type Call struct {
	Name string // as the source has it: "Sleep", "Weighted.Acquire"
	Kind Kind
	New  func() Subject // a fresh subject, free: Do succeeds

	// Twin: a drop-in twin of another package's call returns ctx.Err() itself.
	Twin bool
	// KnowsTurn: the call knows how long it would have to wait while blocked, so
	// a deadline before that fails at once.
	KnowsTurn bool
}

// Subject is one value under test and what the suite can do with it. The
// suite calls Block and Free alternately, beginning with Block.
type Subject struct {
	Do    func(ctx context.Context) error // the call itself
	Block func()                          // from here on Do has to wait; nil if it always has to
	Free  func()                          // ends that: the Do that waits succeeds, and so does the next
	Undo  func()                          // gives back what one successful Do took; nil if nothing
	Taken func() int                      // what Do calls hold at the moment, without what Block holds; nil if nothing
	Rest  func()                          // waits until nothing of what ran before is still about to end; nil if nothing can be
	Close func()                          // ends the subject; nil if there is nothing to end

	// For is the call's duration form, if it has one: whether it succeeded
	// within d.
	For func(d time.Duration) bool
}

func (s Subject) block() { callIf(s.Block) }
func (s Subject) free()  { callIf(s.Free) }
func (s Subject) undo()  { callIf(s.Undo) }
func (s Subject) rest()  { callIf(s.Rest) }
func (s Subject) close() { callIf(s.Close) }

func (s Subject) taken() int {
	if s.Taken == nil {
		return 0
	}
	return s.Taken()
}

func callIf(f func()) {
	if f != nil {
		f()
	}
}

// Derive describes a call that returns a derived context. End ends the
// context the way the call offers: its CancelFunc, or the owner's Wait.
type Derive struct {
	Name string
	New  func(parent context.Context) (ctx context.Context, end func())
}

// Misuse is one way to use the package wrongly, and the panic it gets.
type Misuse struct {
	Name   string
	Text   string       // of the panic, whole
	Do     func()       // must panic
	Intact func() error // whether the state is whole and unlocked; nil if there is none
}

// Table is all of a package that the suite has to know.
type Table struct {
	Calls   []Call
	Derives []Derive
	Misuses []Misuse
	Exempt  map[string]string // a call that no rule fits -> why
}

// Run checks every rule on every call of the table, and the table itself
// against the source of the package in the current folder.
func Run(t *testing.T, table Table) {
	t.Helper()
	t.Run("the table names every call that may block", func(t *testing.T) {
		names, err := surface.Read(".")
		if err != nil {
			t.Fatal(err)
		}
		for _, complaint := range Complaints(names, table) {
			t.Error(complaint)
		}
	})
	for _, c := range table.Calls {
		for _, r := range Rules {
			if r.Applies(c) {
				t.Run(c.Name+"/"+r.Name, func(t *testing.T) {
					if err := r.Check(t, c); err != nil {
						t.Error(err)
					}
				})
			}
		}
	}
	for _, d := range table.Derives {
		t.Run(d.Name+"/"+DeriveRule, func(t *testing.T) {
			if err := CheckDerive(t, d); err != nil {
				t.Error(err)
			}
		})
	}
	for _, m := range table.Misuses {
		t.Run("misuse/"+m.Name, func(t *testing.T) {
			if err := CheckMisuse(m); err != nil {
				t.Error(err)
			}
		})
	}
}

// blocking are the beginnings of names that say that a call may block, or
// starts or ends something.
var blocking = []string{"Wait", "Acquire", "Take", "Go", "Run", "Sleep", "Stop", "Close"}

// Complaints holds a table against a package's names: what is missing from the
// table, what it names that does not exist, and any call whose context is not
// its first parameter.
func Complaints(names []surface.Name, table Table) []string {
	listed := map[string]bool{}
	for _, c := range table.Calls {
		listed[c.Name] = true
	}
	for _, d := range table.Derives {
		listed[d.Name] = true
	}
	for name := range table.Exempt {
		listed[name] = true
	}
	var out []string
	for _, n := range names {
		if n.Kind != surface.Func && n.Kind != surface.Method {
			continue
		}
		if n.Context > 0 {
			out = append(out, n.Name+": the context is not the first parameter")
		}
		if mustBeListed(n) && !listed[n.Name] {
			out = append(out, n.Name+": may block, and the contract table does not know it")
		}
		delete(listed, n.Name)
	}
	for name := range listed {
		out = append(out, name+": in the contract table, but not in the package")
	}
	return out
}

func mustBeListed(n surface.Name) bool {
	if n.Context >= 0 {
		return true
	}
	for _, prefix := range blocking {
		if strings.HasPrefix(n.Base(), prefix) {
			return true
		}
	}
	return false
}
