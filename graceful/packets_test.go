package graceful_test

// Datagrams: what a stop does to them.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/graceful"
)

// echoPackets answers each datagram with its own text after a prefix.
func echoPackets(prefix string) func(context.Context, net.PacketConn) error {
	return func(_ context.Context, pc net.PacketConn) error {
		b := make([]byte, 1500)
		for {
			n, from, err := pc.ReadFrom(b)
			if err != nil {
				return err
			}
			if _, err := pc.WriteTo([]byte(prefix+string(b[:n])), from); err != nil {
				return err
			}
		}
	}
}

// A running manager, and what its Run returns.
type running struct {
	m    *graceful.Manager
	done chan error
}

func runPackets(t *testing.T, components ...graceful.Component) *running {
	t.Helper()
	ready := make(chan struct{})
	opts := quietly()
	opts.OnReady = func() { close(ready) }
	r := &running{m: graceful.New(opts), done: make(chan error, 1)}
	r.m.Add(1, components...)
	go func() { // ends with the stop
		_, err := r.m.Run(context.Background())
		r.done <- err
	}()
	select {
	case <-ready:
	case err := <-r.done: // a component was quick to fail
		r.done <- err
	}
	return r
}

func dialPackets(t *testing.T, addr net.Addr) net.Conn {
	t.Helper()
	c, err := net.Dial(addr.Network(), addr.String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	require.NoError(t, c.SetDeadline(time.Now().Add(patience)))
	return c
}

func receive(t *testing.T, c net.Conn) string {
	t.Helper()
	b := make([]byte, 1500)
	n, err := c.Read(b)
	require.NoError(t, err)
	return string(b[:n])
}

func TestDatagramsAreAnswered(t *testing.T) {
	t.Parallel()
	r := runPackets(t, graceful.Component{Name: "dns", Addr: "udp:127.0.0.1:0", ServePacket: echoPackets("re: ")})
	c := dialPackets(t, r.m.Addr("dns"))
	for i := range 10 {
		fmt.Fprint(c, i)
		require.Equal(t, fmt.Sprint("re: ", i), receive(t, c))
	}
	r.m.Stop(nil)
	require.NoError(t, <-r.done)
}

// The one that is empty counts as well.
func TestAStopReadsTheDatagramsThatTheKernelHasAndNoMore(t *testing.T) {
	t.Parallel()
	goOn, stopped := make(chan struct{}), make(chan struct{})
	var read []string
	var last error
	r := runPackets(t, graceful.Component{
		Name: "log", Addr: "udp:127.0.0.1:0",
		ServePacket: func(ctx context.Context, pc net.PacketConn) error {
			b := make([]byte, 100)
			n, from, err := pc.ReadFrom(b)
			if err != nil {
				return err
			}
			read = append(read, string(b[:n]))
			<-goOn
			for {
				n, _, err := pc.ReadFrom(b)
				if err != nil {
					last = err
					break
				}
				read = append(read, string(b[:n]))
			}
			<-ctx.Done()
			_, err = pc.WriteTo([]byte("late answer"), from)
			return err
		},
		Stop: func(context.Context) error { close(stopped); return nil },
	})
	c := dialPackets(t, r.m.Addr("log"))
	want := []string{"first", "", "one", "two", "three"}
	for _, text := range want {
		_, err := c.Write([]byte(text))
		require.NoError(t, err)
	}
	r.m.Stop(nil)
	for r.m.State() == "ready" {
		wait(time.Millisecond)
	}
	close(goOn)
	<-stopped
	require.Equal(t, "late answer", receive(t, c))
	require.NoError(t, <-r.done)
	require.Equal(t, want, read)
	require.ErrorIs(t, last, net.ErrClosed)
}

func TestAFloodOfDatagramsDoesNotHoldUpAStop(t *testing.T) {
	t.Parallel()
	r := runPackets(t, graceful.Component{
		Name: "sink", Addr: "udp:127.0.0.1:0",
		ServePacket: func(_ context.Context, pc net.PacketConn) error {
			for b := make([]byte, 10); ; {
				if _, _, err := pc.ReadFrom(b); err != nil {
					return err
				}
			}
		},
	})
	c := dialPackets(t, r.m.Addr("sink"))
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				_, _ = c.Write([]byte("x")) // refused after the end
			}
		}
	})
	r.m.Stop(nil)
	require.NoError(t, <-r.done)
	close(done)
	wg.Wait()
	require.Equal(t, "stopped", r.m.Report().Components[0].Outcome)
}

func TestAProgramsOwnDeadlineEndsAReadOfDatagrams(t *testing.T) {
	t.Parallel()
	timeouts := make(chan error, 3)
	r := runPackets(t, graceful.Component{
		Name: "x", Addr: "udp:127.0.0.1:0",
		ServePacket: func(_ context.Context, pc net.PacketConn) error {
			for b := make([]byte, 10); ; {
				if err := pc.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
					return err
				}
				_, _, err := pc.ReadFrom(b)
				if !errors.Is(err, os.ErrDeadlineExceeded) {
					return err
				}
				select {
				case timeouts <- err:
				default:
				}
			}
		},
	})
	for range cap(timeouts) {
		require.ErrorIs(t, <-timeouts, os.ErrDeadlineExceeded)
	}
	r.m.Stop(nil)
	require.NoError(t, <-r.done)
}

func TestAReaderThatFailsIsAFailureOfItsComponent(t *testing.T) {
	t.Parallel()
	r := runPackets(t, graceful.Component{
		Name: "x", Addr: "udp:127.0.0.1:0",
		ServePacket: func(_ context.Context, pc net.PacketConn) error {
			_ = pc.SetReadDeadline(time.Now())
			_, _, err := pc.ReadFrom(nil)
			return err
		},
	})
	require.ErrorIs(t, <-r.done, os.ErrDeadlineExceeded)
}

func TestAnAddressOfDatagramsThatIsInUseIsReportedBeforeAnythingStarts(t *testing.T) {
	t.Parallel()
	taken, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	m := graceful.New(quietly())
	m.Add(1, graceful.Component{Name: "x", Addr: "udp:" + taken.LocalAddr().String(), ServePacket: echoPackets("")})
	_, err = m.Run(t.Context())
	require.ErrorContains(t, err, "bind")
}

func TestAUnixSocketOfDatagramsIsRemoved(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "s")
	r := runPackets(t, graceful.Component{Name: "log", Addr: "unixgram:" + path, ServePacket: echoPackets("re: ")})
	own := filepath.Join(dir, "client")
	c, err := net.DialUnix("unixgram", &net.UnixAddr{Name: own, Net: "unixgram"}, &net.UnixAddr{Name: path, Net: "unixgram"})
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, c.SetDeadline(time.Now().Add(patience)))
	fmt.Fprint(c, "hello")
	require.Equal(t, "re: hello", receive(t, c))
	r.m.Stop(nil)
	require.NoError(t, <-r.done)
	require.NoFileExists(t, path)
}
