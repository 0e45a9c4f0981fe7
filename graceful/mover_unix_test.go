//go:build unix

package graceful_test

// How connections are sent to another process, without one.

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/graceful"
	"github.com/belay-go/belay/internal/handover"
)

// moving starts to move n connections, and returns what is sent and how each of
// them went.
func moving(t *testing.T, n int) (m graceful.Mover, sent chan int, went chan error) {
	t.Helper()
	sent, went = make(chan int, 1), make(chan error, n)
	m = graceful.NewMover(func(message handover.Message) error {
		sent <- len(message.Files) // waits if the last one was not looked at
		return nil
	})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = ln.Close() })
	for range n {
		c := dial(t, ln.Addr().String())
		go func() { went <- m.Move(c.(*net.TCPConn)) }() // ends with its answer
	}
	done := make(chan struct{})
	go func() { // ends with the mover
		m.Run()
		close(done)
	}()
	t.Cleanup(func() { <-done })
	return m, sent, went
}

func TestOneMessageOfConnectionsIsOnItsWayAtATime(t *testing.T) {
	t.Parallel()
	const n = 150
	m, sent, went := moving(t, n)
	defer m.End()
	for there := 0; there < n; {
		size := <-sent
		require.LessOrEqual(t, size, handover.MostFiles)
		require.Empty(t, sent)
		require.Len(t, went, there, "nobody is told before the answer")
		m.Answered(size)
		for there += size; len(went) < there; {
			wait(time.Millisecond)
		}
	}
	for range n {
		require.NoError(t, <-went)
	}
}

func TestConnectionsThatAreRefusedStay(t *testing.T) {
	t.Parallel()
	m, sent, went := moving(t, 1)
	defer m.End()
	<-sent
	m.Answered(0)
	require.Error(t, <-went)
}

func TestThoseThatAreNotAmongTheTakenOnesStay(t *testing.T) {
	t.Parallel()
	m, sent, went := moving(t, 1)
	defer m.End()
	<-sent
	m.Answered(1)
	require.NoError(t, <-went)
	queued := make(chan error, 3)
	for range cap(queued) {
		c := dial(t, serveNothing(t)).(*net.TCPConn)
		go func() { queued <- m.Move(c) }() // ends with its answer
	}
	taken, asked := 0, 0
	for asked < cap(queued) {
		size := <-sent
		asked += size
		m.Answered(size - 1)
		taken += size - 1
	}
	stayed := 0
	for range cap(queued) {
		if <-queued != nil {
			stayed++
		}
	}
	require.Equal(t, asked-taken, stayed)
	require.Positive(t, stayed)
}

func TestConnectionsStayIfTheOtherProcessEndsWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	m, sent, went := moving(t, 1)
	<-sent
	m.End()
	require.Error(t, <-went)
}

func TestAnAnswerThatCameBeforeTheEndCounts(t *testing.T) {
	t.Parallel()
	m, sent, went := moving(t, 1)
	<-sent
	m.Answered(1)
	m.End()
	require.NoError(t, <-went)
}

func TestWhatIsOnItsWayWhenMovingStopsIsStillAnsweredFor(t *testing.T) {
	t.Parallel()
	m, sent, went := moving(t, 1)
	defer m.End()
	<-sent
	m.Stop()
	late := dial(t, serveNothing(t))
	require.Error(t, m.Move(late.(*net.TCPConn)))
	require.Empty(t, went)
	m.Answered(1)
	require.NoError(t, <-went)
}

// serveNothing returns the address of a listener that nobody accepts from.
func serveNothing(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = ln.Close() })
	return ln.Addr().String()
}
