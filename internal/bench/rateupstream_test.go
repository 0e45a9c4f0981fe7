package main

// This file holds limiter/rate against golang.org/x/time/rate: its tests of
// Sometimes, and the same random programs on both limiters. (x/time's tests of
// its limiter look inside of it.)

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	xrate "golang.org/x/time/rate"

	"github.com/belay-go/belay/internal/overlay"
	"github.com/belay-go/belay/limiter/rate"
)

func TestXTimesTestsOfSometimesPass(t *testing.T) {
	dir := filepath.Join(overlay.Dir(t, "golang.org/x/time"), "rate")
	overlay.Test(t, 3, map[string]string{
		"sometimes_test.go": overlay.Read(t, filepath.Join(dir, "sometimes_test.go"),
			`"golang.org/x/time/rate"`, `"github.com/belay-go/belay/limiter/rate"`),
	})
}

// Time goes on in eighths of a second and limits are powers of two, so that
// neither side has anything to round. Left out is where the answers are meant
// to differ: time that goes back, the limit zero, and a cancel of what is not the
// last turn, which after a change of the limit it may not be.
func TestOurLimiterAndXTimesAnswerAlike(t *testing.T) {
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 6))
		now := time.Now()
		ours, theirs := rate.NewLimiter(2, 4), xrate.NewLimiter(2, 4)
		log, settled := fmt.Sprintf("seed %d", seed), true
		for range 60 {
			now = now.Add(time.Duration(r.IntN(12)) * time.Second / 8)
			n := r.IntN(6)
			switch op := r.IntN(7); op {
			case 0, 1, 2:
				log += fmt.Sprintf("; AllowN %d", n)
				require.Equal(t, theirs.AllowN(now, n), ours.AllowN(now, n), log)
			case 3, 4:
				log += fmt.Sprintf("; ReserveN %d", n)
				a, b := theirs.ReserveN(now, n), ours.ReserveN(now, n)
				require.Equal(t, a.OK(), b.OK(), log)
				require.Equal(t, a.DelayFrom(now), b.DelayFrom(now), log)
				if op == 4 && settled && n > 0 && a.DelayFrom(now) > 0 {
					log += " cancelled"
					a.CancelAt(now)
					b.CancelAt(now)
				}
			case 5:
				settled = false
				limit := float64(int(1) << r.IntN(4))
				log += fmt.Sprintf("; SetLimit %v", limit)
				theirs.SetLimitAt(now, xrate.Limit(limit))
				ours.SetLimitAt(now, rate.Limit(limit))
			case 6:
				log += fmt.Sprintf("; SetBurst %d", n)
				theirs.SetBurstAt(now, n)
				ours.SetBurstAt(now, n)
			}
			require.Equal(t, theirs.TokensAt(now), ours.TokensAt(now), log)
		}
	}
}
