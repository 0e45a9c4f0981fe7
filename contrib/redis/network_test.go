package belayredis_test

// This file tests what a network between the client and Redis can do: answers that
// are late, cut in the middle, swallowed, or lost after the script has run.

import (
	"bytes"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	belayredis "github.com/belay-go/belay/contrib/redis"
	"github.com/belay-go/belay/limiter"
)

// proxy stands between a client and a server, and does to what they say what a
// network may do.
type proxy struct {
	net.Listener
	to       string
	swallows atomic.Bool  // everything
	delay    atomic.Int64 // of each answer, in ns
	keeps    atomic.Int64 // of each answer one percent less than this, and then the connection is cut; 0: all
	all      sync.WaitGroup
	conns    sync.Map
}

func proxyTo(t *testing.T, to string) *proxy {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &proxy{Listener: l, to: to}
	p.all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s, err := net.Dial("tcp", to)
			if err != nil {
				_ = c.Close()
				continue
			}
			p.conns.Store(c, s)
			asked := new(atomic.Bool)
			p.all.Go(func() { p.pass(c, s, asked, false) })
			p.all.Go(func() { p.pass(s, c, asked, true) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		p.conns.Range(func(c, s any) bool {
			_, _ = c.(io.Closer).Close(), s.(io.Closer).Close()
			return true
		})
		p.all.Wait()
	})
	return p
}

// pass passes on what one side says; asked is whether a script was asked for on the
// connection, as no answer to a handshake is cut.
func (p *proxy) pass(from, to net.Conn, asked *atomic.Bool, answers bool) {
	defer from.Close()
	defer to.Close()
	buf := make([]byte, 4096)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		if p.swallows.Load() {
			continue
		}
		if !answers && bytes.Contains(bytes.ToLower(buf[:n]), []byte("evalsha")) {
			asked.Store(true)
		}
		if answers {
			time.Sleep(time.Duration(p.delay.Load()))
			if part := p.keeps.Load(); part > 0 && asked.Load() {
				_, _ = to.Write(buf[:n*(int(part)-1)/100])
				return
			}
		}
		if _, err = to.Write(buf[:n]); err != nil {
			return
		}
	}
}

// room is what a machine that does other things may add to a call.
const room = 10 * time.Second

func TestVerdictsComeInTimeThroughANetworkThatDelaysCutsAndStalls(t *testing.T) {
	s := serverOf(t)
	const timeout = 300 * time.Millisecond
	for name, store := range stores {
		for fault, begin := range map[string]func(*proxy){
			"delays":             func(p *proxy) { p.delay.Store(int64(timeout)) },
			"cuts in the middle": func(p *proxy) { p.keeps.Store(51) },
			"stalls":             func(p *proxy) { p.swallows.Store(true) },
		} {
			p := proxyTo(t, s.addr)
			f := belayredis.Fleet{
				Store: store(t, p.Addr().String()), Key: name + " " + fault,
				Members: 2, Timeout: timeout, Probe: time.Hour, MemberTTL: time.Minute, Logger: quiet,
			}
			r, sem := bothLimits(t, f)
			for what, l := range map[string]interface {
				limiter.Limiter
				State() belayredis.State
			}{"rate": r, "semaphore": sem} {
				what = name + ", " + fault + ", " + what
				p.delay.Store(int64(time.Millisecond))
				_, err := l.TryTake(1)
				require.NoError(t, err, "%s: a delay that is none", what)
				require.Zero(t, l.State().Failures, what)
				before := l.State().Trips
				begin(p)
				for range 3 {
					require.Equal(t, belayredis.Shared, l.State().Mode, what)
					require.Less(t, cost(func() { _, _ = l.TryTake(1) }), timeout+room, what)
				}
				require.Equal(t, belayredis.Local, l.State().Mode, "%s: three failures in a row", what)
				require.EqualValues(t, 3, l.State().Trips-before, "%s: one for each call", what)
				require.Less(t, cost(func() {
					for range 1000 {
						_, _ = l.TryTake(1)
					}
				}), 1000*time.Millisecond+room, what)
				require.LessOrEqual(t, l.State().Trips-before, uint64(4), "%s: verdicts go nowhere", what)
				p.delay.Store(0)
				p.keeps.Store(0)
				p.swallows.Store(false)
			}
		}
	}
}

// What Redis granted in an answer that was lost is gone from a rate, once, and used by
// nobody; a semaphore loses nothing, as the next call says what is held.
func TestAnAnswerThatIsLostAfterTheScriptRanGivesNothingTwice(t *testing.T) {
	s := serverOf(t)
	for name, store := range stores {
		p := proxyTo(t, s.addr)
		f := fleetOf(store(t, p.Addr().String()))
		f.Key, f.Members, f.MemberTTL = name, 2, time.Minute
		r := newRate(t, belayredis.RateOptions{Fleet: f, Limit: 1e-6, Burst: 10})
		sem := newSemaphore(t, belayredis.SemaphoreOptions{Fleet: f, Size: 10})
		f.Key += " at first"
		first := newRate(t, belayredis.RateOptions{Fleet: f, Limit: 1e6, Burst: 1e6})
		p.keeps.Store(1)
		_, err := r.TryTake(3)
		require.ErrorIs(t, err, limiter.ErrLimited, "the share begins without tokens")
		_, err = sem.TryTake(6)
		require.ErrorIs(t, err, limiter.ErrFull, "more than the share")
		held, err := sem.TryTake(4)
		require.NoError(t, err, "the share")
		p.keeps.Store(0)
		eventually(t, "the client is over it", func() bool {
			failures := first.State().Failures
			_, err := first.TryTake(1)
			return err == nil && first.State().Failures == failures && first.State().Mode == belayredis.Shared
		})
		require.EqualValues(t, 1, r.State().Failures, name)
		require.EqualValues(t, 2, sem.State().Failures, name)
		require.Equal(t, belayredis.Shared, r.State().Mode)
		require.Equal(t, belayredis.Shared, sem.State().Mode)

		_, err = r.TryTake(8)
		require.ErrorIs(t, err, limiter.ErrLimited, "%s: three are gone", name)
		_, err = r.TryTake(7)
		require.NoError(t, err, "%s: and no more", name)
		_, err = r.TryTake(1)
		require.ErrorIs(t, err, limiter.ErrLimited)
		rest, err := sem.TryTake(6)
		require.NoError(t, err, "%s: nothing is gone", name)
		_, err = sem.TryTake(1)
		require.ErrorIs(t, err, limiter.ErrFull, "%s: nor is anything there twice", name)
		held.Release()
		rest.Release()
		f.Key, f.Store = name, client(t, s.addr)
		other := newSemaphore(t, belayredis.SemaphoreOptions{Fleet: f, Size: 10})
		eventually(t, "all units", func() bool {
			all, err := other.TryTake(10)
			all.Release()
			return err == nil
		})
	}
}
