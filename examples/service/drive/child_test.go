//go:build unix

package drive

// Children, played by this very binary: how they start, end and are killed.

import (
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// newTestChildren returns the starter of children that play a role.
func newTestChildren(t *testing.T, role string) *children {
	exe, err := os.Executable()
	require.NoError(t, err)
	t.Setenv(roleVar, role)
	cs := &children{exe: exe, root: "the root"}
	t.Cleanup(func() {
		cs.killAll()
		require.Empty(t, cs.mu.live)
	})
	return cs
}

func TestAChildIsFoundAskedAndStopped(t *testing.T) {
	t.Setenv("SERVICE_LIMITS", "of somebody else")
	cs := newTestChildren(t, "serves")
	c, err := cs.start([]string{"-grace", "1s"}, plain.env())
	require.NoError(t, err)
	require.Equal(t, c.http, c.admin)
	now, err := statusOf(c.admin)
	require.NoError(t, err)
	require.Equal(t, held{Goroutines: 12, Descriptors: 9, Memory: 4096, InFlight: 2}, now)
	now, err = settled(c.admin, steady)
	require.NoError(t, err)
	require.Equal(t, 12, now.Goroutines)

	require.NoError(t, c.stop())
	require.True(t, c.awaitGone(patience))
	require.Zero(t, c.exit)
	require.NotZero(t, c.end)
	require.Equal(t, "-http 127.0.0.1:0 -grpc 127.0.0.1:0 -admin 127.0.0.1:0 -root the root -grace 1s\n"+
		"SERVICE_STOP=plain SERVICE_LIMITS=\n", c.stderr.since(0))
	c.kill() // of a process that is gone: nothing happens
}

func TestAChildThatCannotServeIsExplained(t *testing.T) {
	for role, want := range map[string][]string{
		"dies":           {"exit code 7", "no such luck"},
		"mumbles":        {"ready line", "hello there"},
		"hides its page": {"/version", "404"},
	} {
		t.Run(role, func(t *testing.T) {
			cs := newTestChildren(t, role)
			_, err := cs.start(nil, nil)
			for _, text := range want {
				require.ErrorContains(t, err, text)
			}
			require.Empty(t, cs.mu.live)
		})
	}
}

func TestABinaryThatIsNotThereIsAnError(t *testing.T) {
	cs := &children{exe: "/no/such/binary"}
	_, err := cs.start(nil, nil)
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestAChildThatHangsIsKilledWithItsGroup(t *testing.T) {
	cs := newTestChildren(t, "hangs")
	c, err := cs.start(nil, nil)
	require.NoError(t, err)
	group, err := syscall.Getpgid(c.pid)
	require.NoError(t, err)
	require.Equal(t, c.pid, group, "a ctrl-C must not reach the server")
	require.NoError(t, c.stop())
	require.False(t, c.awaitGone(0))
	require.Equal(t, -1, c.exit)
}

func TestNoChildOutlivesKillAll(t *testing.T) {
	cs := newTestChildren(t, "hangs")
	var all []*child
	for range 3 {
		c, err := cs.start(nil, nil)
		require.NoError(t, err)
		all = append(all, c)
	}
	cs.killAll()
	for _, c := range all {
		<-c.gone
		require.ErrorIs(t, syscall.Kill(c.pid, 0), syscall.ESRCH)
	}
}
