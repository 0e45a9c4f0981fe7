package contract_test

// This file proves that the suite is not hollow: a faithful subject passes
// every rule, and for each rule a subject with one planted fault fails it.

import (
	"context"
	"errors"
	"math"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/internal/contract"
	"github.com/belay-go/belay/internal/surface"
)

// fault is one way to break the contract.
type fault string

const (
	none           fault = ""
	winsWhenDone   fault = "succeeds with a done context"
	keepsOnFailure fault = "takes although it fails"
	losesResult    fault = "a done context beats the result"
	onlyErr        fault = "the error hides the cause"
	onlyCause      fault = "the error hides the kind of end"
	wrapsTwin      fault = "a twin wraps its error"
	ignoresCancel  fault = "waits on after the cancel"
	leaksGoroutine fault = "leaves a goroutine"
	waitsForever   fault = "waits past its deadline"
	zeroWaits      fault = "a zero duration waits"
	overflows      fault = "a long duration overflows"
	dropsGrant     fault = "a grant beside a cancel is lost"
	serveFails     fault = "the end of its context is an error"
	sharedChannel  fault = "a channel outlives its bubble"
)

var bothCalls = map[string]func(fault) contract.Call{
	"acquire": func(f fault) contract.Call {
		return contract.Call{Name: "Gate.Acquire", Kind: contract.Acquire, Twin: f == wrapsTwin, New: func() contract.Subject { return gateSubject(f) }}
	},
	"collect": func(f fault) contract.Call {
		return contract.Call{Name: "Latch.Wait", Kind: contract.Collect, New: func() contract.Subject { return latchSubject(f) }}
	},
	"plain": func(f fault) contract.Call {
		return contract.Call{Name: "Gate.Enter", Kind: contract.Plain, New: func() contract.Subject { return gateSubject(f) }}
	},
	"sleep": func(f fault) contract.Call {
		return contract.Call{Name: "Nap", Kind: contract.Acquire, KnowsTurn: true, New: func() contract.Subject { return napSubject(f) }}
	},
	"serve": func(f fault) contract.Call {
		return contract.Call{Name: "Serve", Kind: contract.Serve, New: func() contract.Subject { return serveSubject(f) }}
	},
}

func TestAFaithfulSubjectPassesEveryRuleThatApplies(t *testing.T) {
	for name, call := range bothCalls {
		for _, r := range contract.Rules {
			if c := call(none); r.Applies(c) {
				t.Run(name+"/"+r.Name, func(t *testing.T) { require.NoError(t, r.Check(t, c)) })
			}
		}
	}
}

func TestEachRuleFindsTheFaultPlantedForIt(t *testing.T) {
	planted := map[string][]struct {
		call  string
		fault fault
	}{
		"2: a done context loses and takes nothing":                        {{"acquire", winsWhenDone}, {"acquire", keepsOnFailure}, {"sleep", winsWhenDone}},
		"2: a grant and a cancel together are one or the other":            {{"acquire", dropsGrant}},
		"3: an available result beats a done context":                      {{"collect", losesResult}},
		"4: the error says both what ended the context and why":            {{"acquire", onlyErr}, {"collect", onlyCause}, {"acquire", wrapsTwin}, {"collect", ignoresCancel}},
		"6: a wait past the deadline fails at once":                        {{"sleep", waitsForever}},
		"7: nothing is left running":                                       {{"acquire", leaksGoroutine}, {"plain", leaksGoroutine}, {"serve", serveFails}},
		"10: zero and negative durations have passed":                      {{"acquire", zeroWaits}},
		"10: the longest duration does not overflow":                       {{"acquire", overflows}},
		"11: one value works in a bubble, outside, and in the next bubble": nil, // fatal: in a process of its own, below
	}
	for _, r := range contract.Rules {
		faults, ok := planted[r.Name]
		require.True(t, ok, "no fault is planted for rule %q", r.Name)
		for _, p := range faults {
			t.Run(r.Name+"/"+string(p.fault), func(t *testing.T) {
				c := bothCalls[p.call](p.fault)
				require.True(t, r.Applies(c))
				err := r.Check(t, c)
				require.Error(t, err, "the planted fault was not found")
				t.Log(err)
			})
		}
	}
}

func TestTheBubbleRuleFindsAChannelThatOutlivesItsBubble(t *testing.T) {
	if os.Getenv("CONTRACT_PLANT") == "channel" {
		for _, r := range contract.Rules {
			if c := bothCalls["acquire"](sharedChannel); r.Name[:2] == "11" {
				_ = r.Check(t, c)
			}
		}
		return
	}
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self, "-test.run=^"+t.Name()+"$", "-test.timeout=1m")
	cmd.Env = append(os.Environ(), "CONTRACT_PLANT=channel")
	out, err := cmd.CombinedOutput()
	require.Error(t, err, "a channel that crosses bubbles must end the process")
	require.Contains(t, string(out), "synctest")
}

func TestADerivedContextIsHeldAgainstItsParent(t *testing.T) {
	good := contract.Derive{Name: "Good", New: func(p context.Context) (context.Context, func()) {
		ctx, cancel := context.WithCancel(p)
		return ctx, cancel
	}}
	require.NoError(t, contract.CheckDerive(t, good))

	bad := map[string]func(context.Context) (context.Context, func()){
		"hides the parent's cause": func(p context.Context) (context.Context, func()) {
			ctx, cancel := context.WithCancelCause(context.WithoutCancel(p))
			stop := context.AfterFunc(p, func() { cancel(context.Canceled) })
			return ctx, func() { stop(); cancel(nil) }
		},
		"ends with a cause of its own": func(p context.Context) (context.Context, func()) {
			ctx, cancel := context.WithCancelCause(p)
			return ctx, func() { cancel(errors.New("done")) }
		},
		"leaves a goroutine": func(p context.Context) (context.Context, func()) {
			ctx, cancel := context.WithCancel(p)
			go func() { time.Sleep(time.Hour) }() // ends by itself, too late
			return ctx, cancel
		},
		"is born done": func(p context.Context) (context.Context, func()) {
			ctx, cancel := context.WithCancel(p)
			cancel()
			return ctx, cancel
		},
	}
	for name, f := range bad {
		t.Run(name, func(t *testing.T) {
			require.Error(t, contract.CheckDerive(t, contract.Derive{Name: name, New: f}))
		})
	}
}

func TestAMisuseMustPanicWithItsTextAndLeaveTheStateWhole(t *testing.T) {
	broken := errors.New("locked")
	for name, tc := range map[string]struct {
		m    contract.Misuse
		fine bool
	}{
		"fine":       {contract.Misuse{Text: "x: no", Do: func() { panic("x: no") }, Intact: func() error { return nil }}, true},
		"an error":   {contract.Misuse{Text: "x: no", Do: func() { panic(errors.New("x: no")) }}, true},
		"no panic":   {contract.Misuse{Text: "x: no", Do: func() {}}, false},
		"other text": {contract.Misuse{Text: "x: no", Do: func() { panic("y") }}, false},
		"broken":     {contract.Misuse{Text: "x: no", Do: func() { panic("x: no") }, Intact: func() error { return broken }}, false},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tc.fine, contract.CheckMisuse(tc.m) == nil)
		})
	}
}

func TestTheTableMustNameEveryCallThatMayBlockAndNoOther(t *testing.T) {
	names := []surface.Name{
		{Kind: surface.Func, Name: "Sleep", Context: 0},
		{Kind: surface.Method, Name: "Gate.AcquireAll", Context: -1},
		{Kind: surface.Method, Name: "Gate.Size", Context: -1},
		{Kind: surface.Func, Name: "Late", Context: 1},
		{Kind: surface.Type, Name: "Gone", Context: -1},
	}
	complaints := contract.Complaints(names, contract.Table{
		Calls:   []contract.Call{{Name: "Sleep"}},
		Derives: []contract.Derive{{Name: "Nowhere"}},
	})
	slices.Sort(complaints)
	require.Equal(t, []string{
		"Gate.AcquireAll: may block, and the contract table does not know it",
		"Late: may block, and the contract table does not know it",
		"Late: the context is not the first parameter",
		"Nowhere: in the contract table, but not in the package",
	}, complaints)
	require.Empty(t, contract.Complaints(names[:1], contract.Table{Exempt: map[string]string{"Sleep": "tested elsewhere"}}))
}

// longWait is longer than a day, so that an overflowing duration shows.
const longWait = math.MaxInt64 - int64(time.Hour)
