package pool_test

// This file tests, in processes of their own, that a panic which nobody is left to
// be told of is not swallowed.

import (
	"context"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/limiter/pool"
)

var crashes = map[string]func(){
	"an Open whose caller has left": func() {
		p := pool.New(pool.Options[int]{MaxOpen: 1, Open: func(context.Context) (int, error) {
			time.Sleep(50 * time.Millisecond)
			panic("planted")
		}})
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		_, _ = p.Get(ctx)
	},
	"a Close": func() {
		p := pool.New(pool.Options[int]{MaxOpen: 1, Open: number, Close: func(int) { panic("planted") }})
		h, _ := p.Get(context.Background())
		h.Discard()
	},
	"a Check in idle time": func() {
		p := pool.New(pool.Options[int]{MaxOpen: 2, Open: number, CheckAfter: 1, TendEvery: 1, Check: func(context.Context, int) error { panic("planted") }})
		a, _ := p.Get(context.Background())
		b, _ := p.Get(context.Background())
		a.Release()
		time.Sleep(time.Millisecond)
		b.Release()
	},
}

func TestAPanicThatNobodyIsToldOfCrashesTheProcess(t *testing.T) {
	if f := crashes[os.Getenv("POOL_CRASH")]; f != nil {
		f()
		time.Sleep(time.Minute)
		return
	}
	self, err := os.Executable()
	require.NoError(t, err)
	for name := range crashes {
		cmd := exec.Command(self, "-test.run=^"+t.Name()+"$", "-test.timeout=1m")
		cmd.Env = append(os.Environ(), "POOL_CRASH="+name)
		out, err := cmd.CombinedOutput()
		require.Error(t, err, name)
		require.Contains(t, string(out), "planted", name)
		require.Contains(t, string(out), "crash_test.go", "%s: its stack", name)
		require.NotContains(t, string(out), "test timed out", name)
	}
}
