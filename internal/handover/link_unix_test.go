//go:build unix

package handover_test

// The link, with a peer that speaks it well, another version of it, or not.

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/internal/handover"
)

const patience = 20 * time.Second

// link returns a link, and the socket of whoever is at its other end.
func link(t testing.TB) (*handover.Link, *net.UnixConn) {
	t.Helper()
	a, b, err := handover.Pair()
	require.NoError(t, err)
	raw := handover.Raw(b)
	require.NoError(t, handover.Raw(a).SetDeadline(time.Now().Add(patience)))
	require.NoError(t, raw.SetDeadline(time.Now().Add(patience)))
	t.Cleanup(func() {
		_ = a.Close()
		_ = b.Close()
	})
	return a, raw
}

func write(t testing.TB, raw *net.UnixConn, text string) {
	t.Helper()
	_, err := io.WriteString(raw, text)
	require.NoError(t, err)
}

func receive(t testing.TB, l *handover.Link) handover.Message {
	t.Helper()
	m, err := l.Receive()
	require.NoError(t, err)
	return m
}

func TestAMessageArrivesAsItWasSent(t *testing.T) {
	a, b, err := handover.Pair()
	require.NoError(t, err)
	defer a.Close()
	defer b.Close()
	want := handover.Message{
		Kind: handover.Hello, Version: 3, PID: 7, Path: "/a \"b\"\n", Revision: "r", Generation: 2,
		Sockets:   []handover.SocketInfo{{Name: "a:b", Addr: "unix:/x", Foreign: true}},
		Draining:  []handover.Generation{{PID: 9, Since: time.Unix(5, 7).UTC()}},
		Exclusive: []string{"x"}, Taken: []string{"y"}, Name: "n", Reason: strings.Repeat("why ", 10_000),
	}
	require.NoError(t, a.Send(want))
	got := receive(t, b)
	require.Empty(t, got.Files)
	got.Files = nil
	require.Equal(t, want, got)
}

func TestWhatAnotherVersionAddsIsSkipped(t *testing.T) {
	l, raw := link(t)
	write(t, raw, `{"kind":"dance","steps":[1,2,{"left":true}],"name":"n"}`+"\n"+
		`{"kind":"ready","taken":["a"],"mood":"good","version":99}`+"\n"+
		"null\n{}\n"+`{"kind":"main"}`+"\n")
	m := receive(t, l)
	require.Equal(t, handover.Kind("dance"), m.Kind)
	m = receive(t, l)
	require.Equal(t, handover.Ready, m.Kind)
	require.Equal(t, []string{"a"}, m.Taken)
	require.Equal(t, 99, m.Version)
	require.Empty(t, receive(t, l).Kind)
	require.Empty(t, receive(t, l).Kind)
	require.Equal(t, handover.Main, receive(t, l).Kind)
}

func TestWhatIsNoMessageIsAnError(t *testing.T) {
	for name, text := range map[string]string{
		"no JSON":              "hello?\n",
		"an empty line":        "\n",
		"no object":            "[1]\n",
		"another type":         `{"kind":"ready","taken":"all"}` + "\n",
		"no time":              `{"kind":"hello","draining":[{"pid":1,"since":"once"}]}` + "\n",
		"zeros":                strings.Repeat("\x00", 100) + "\n",
		"no descriptors":       `{"kind":"ready","fds":1}` + "\n",
		"fewer than none":      `{"kind":"ready","fds":-1}` + "\n",
		"more than there is":   `{"kind":"ready","fds":9000000000000000000}` + "\n",
		"more than is counted": `{"kind":"ready","fds":90000000000000000000}` + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			l, raw := link(t)
			write(t, raw, text)
			_, err := l.Receive()
			require.ErrorIs(t, err, handover.ErrBroken)
			require.NotErrorIs(t, err, io.EOF)
		})
	}
}

func TestALineWithoutAnEndIsAnErrorInTime(t *testing.T) {
	l, raw := link(t)
	var writer sync.WaitGroup
	writer.Go(func() { // ends when the link is closed
		for err := error(nil); err == nil; {
			_, err = io.WriteString(raw, strings.Repeat("x", 1<<16))
		}
	})
	_, err := l.Receive()
	require.ErrorIs(t, err, handover.ErrBroken)
	require.ErrorContains(t, err, fmt.Sprint(handover.MostLine))
	require.NoError(t, l.Close())
	writer.Wait()
}

// Whatever is on its way is read first.
func TestTheEndOfAProcessIsNoBrokenMessage(t *testing.T) {
	for name, text := range map[string]string{"nothing": "", "half a line": `{"kind":"rea`} {
		t.Run(name, func(t *testing.T) {
			l, raw := link(t)
			require.NoError(t, l.Send(handover.Message{Kind: handover.Accept})) // nobody reads it
			write(t, raw, `{"kind":"ready"}`+"\n"+text)
			require.NoError(t, raw.Close())
			require.Equal(t, handover.Ready, receive(t, l).Kind)
			_, err := l.Receive()
			require.Error(t, err)
			require.NotErrorIs(t, err, handover.ErrBroken)
			require.Error(t, l.Send(handover.Message{Kind: handover.Main}), "nobody is there")
		})
	}
}

func TestMessagesAreWholeHoweverTheyAreCut(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	l, raw := link(t)
	const n = 300
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, `{"kind":"freed","name":"%d","reason":"%s"}`+"\n", i, strings.Repeat("ä", r.IntN(5000)))
	}
	var writer sync.WaitGroup
	writer.Go(func() { // ends with the text, or the link
		for rest := text.String(); rest != ""; {
			size := min(len(rest), 1+r.IntN(6000))
			if _, err := io.WriteString(raw, rest[:size]); err != nil {
				return
			}
			rest = rest[size:]
		}
	})
	defer writer.Wait()
	for i := range n {
		require.Equal(t, fmt.Sprint(i), receive(t, l).Name)
	}
}

func TestSendersDoNotMixTheirMessages(t *testing.T) {
	a, b, err := handover.Pair()
	require.NoError(t, err)
	defer b.Close()
	var senders sync.WaitGroup
	for i := range 8 {
		senders.Go(func() { // ends with its messages, or the link
			for range 50 {
				_ = a.Send(handover.Message{Kind: handover.Freed, Name: fmt.Sprint(i), Reason: strings.Repeat(fmt.Sprint(i), 20_000)})
			}
		})
	}
	defer senders.Wait()
	defer a.Close()
	for range 8 * 50 {
		m := receive(t, b)
		require.Equal(t, strings.Repeat(m.Name, 20_000), m.Reason)
	}
}

// pipe returns a pipe; of its read end one knows whether the other is open.
func pipe(t testing.TB) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = r.Close()
		_ = w.Close()
	})
	return r, w
}

func TestDescriptorsComeWithTheirMessage(t *testing.T) {
	a, b, err := handover.Pair()
	require.NoError(t, err)
	defer a.Close()
	defer b.Close()
	var readers []*os.File
	for i := range 5 {
		var files []*os.File
		for range i {
			r, w := pipe(t)
			readers, files = append(readers, r), append(files, w)
		}
		require.NoError(t, a.Send(handover.Message{Kind: handover.Freed, Name: fmt.Sprint(i), Files: files}))
		for _, w := range files {
			require.NoError(t, w.Close())
		}
	}
	for i := range 5 {
		m := receive(t, b)
		require.Len(t, m.Files, i)
		for j, w := range m.Files {
			_, err := fmt.Fprintf(w, "%d.%d", i, j)
			require.NoError(t, err)
			require.NoError(t, w.Close())
			text, err := io.ReadAll(readers[0])
			require.NoError(t, err)
			require.Equal(t, fmt.Sprintf("%d.%d", i, j), string(text))
			readers = readers[1:]
		}
	}
}

func sendFDs(t testing.TB, raw *net.UnixConn, text string, files ...*os.File) {
	t.Helper()
	var fds []int
	for _, f := range files {
		fds = append(fds, int(f.Fd()))
	}
	_, _, err := raw.WriteMsgUnix([]byte(text), syscall.UnixRights(fds...), nil)
	require.NoError(t, err)
}

func TestDescriptorsThatNoMessageCountsAreClosed(t *testing.T) {
	for _, end := range []string{"what?\n", ""} {
		l, raw := link(t)
		r, w := pipe(t)
		sendFDs(t, raw, `{"kind":"ready"}`+"\n", w)
		require.NoError(t, w.Close())
		write(t, raw, end)
		require.NoError(t, raw.Close())
		require.Empty(t, receive(t, l).Files)
		_, err := l.Receive()
		require.Error(t, err)
		_, err = io.ReadAll(r) // until nobody has the other end
		require.NoError(t, err)
	}
}

func TestMoreDescriptorsThanAMessageHasAreAnError(t *testing.T) {
	l, raw := link(t)
	r, w := pipe(t)
	files := make([]*os.File, 2*handover.MostFDs)
	for i := range files {
		files[i] = w
	}
	sendFDs(t, raw, fmt.Sprintf(`{"kind":"ready","fds":%d}`+"\n", len(files)), files...)
	require.NoError(t, w.Close())
	_, err := l.Receive()
	require.ErrorIs(t, err, handover.ErrBroken)
	_, err = io.ReadAll(r)
	require.NoError(t, err)
}

func TestAGenerationIsAliveAsLongAsItsPipe(t *testing.T) {
	require.False(t, handover.Generation{PID: os.Getpid()}.Alive(), "nobody can tell")
	r, w := pipe(t)
	g := handover.LifeOf(handover.Generation{PID: 1}, r)
	require.True(t, g.Alive())
	require.NoError(t, w.Close())
	require.False(t, g.Alive())
}

// FuzzReceive sends anything, and a descriptor with it: there are no more
// messages than lines, no panic, no wait, and nothing stays open.
func FuzzReceive(f *testing.F) {
	f.Add([]byte(`{"kind":"hello","version":1,"sockets":[{"name":"a","addr":"b"}]}` + "\n"))
	f.Add([]byte(`{"kind":"ready","fds":1}` + "\n" + `{"kind":"ready","fds":1}` + "\n"))
	f.Add([]byte("{}\n\n"))
	f.Add([]byte(`{"kind":`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) == 0 {
			return // no byte carries no descriptor
		}
		l, raw := link(t)
		r, w := pipe(t)
		var writer sync.WaitGroup
		writer.Go(func() { // ends with the data, or the link
			n, _, err := raw.WriteMsgUnix(data, syscall.UnixRights(int(w.Fd())), nil)
			for err == nil && n < len(data) {
				var more int
				more, err = raw.Write(data[n:])
				n += more
			}
			_ = raw.Close()
			_ = w.Close()
		})
		lines := strings.Count(string(data), "\n")
		for {
			m, err := l.Receive()
			if err != nil {
				require.False(t, errors.Is(err, os.ErrDeadlineExceeded), "%v", err)
				break
			}
			lines--
			require.GreaterOrEqual(t, lines, 0)
			require.Len(t, m.Files, m.FDs)
			for _, f := range m.Files {
				require.NoError(t, f.Close())
			}
		}
		_ = l.Close()
		writer.Wait()
		require.NoError(t, r.SetReadDeadline(time.Now().Add(patience)))
		_, err := io.ReadAll(r)
		require.NoError(t, err)
	})
}
