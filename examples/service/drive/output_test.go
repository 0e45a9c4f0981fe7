package drive

// The ready line, and the end of a child's stderr.

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAReadyLineGivesTheAddresses(t *testing.T) {
	a, pid, err := parseReady("ready http=127.0.0.1:40001 grpc=[::1]:40002 pid=77")
	require.NoError(t, err)
	require.Equal(t, 77, pid)
	require.Equal(t, addresses{http: "127.0.0.1:40001", grpc: "[::1]:40002"}, a)
}

func TestAReadyLineMayHaveMoreFields(t *testing.T) {
	a, _, err := parseReady("ready pid=77 generation=2 grpc=h:2 http=h:1\r")
	require.NoError(t, err)
	require.Equal(t, addresses{http: "h:1", grpc: "h:2"}, a)
}

func TestAnotherLineIsNotTakenForAReadyLine(t *testing.T) {
	for _, line := range []string{
		"", "ready", "listening on 127.0.0.1:80", "ready http=127.0.0.1:1", "ready grpc=127.0.0.1:1 pid=1",
		"ready http=nowhere grpc=127.0.0.1:1 pid=1", "ready http=h:1 grpc=h pid=1", "ready http=h:1 grpc=h:1 pid=x",
		"already http=h:1 grpc=h:1 pid=1",
	} {
		_, _, err := parseReady(line)
		require.Error(t, err, "%q", line)
	}
}

func FuzzAReadyLineNeverPanics(f *testing.F) {
	f.Add("ready http=127.0.0.1:1 grpc=127.0.0.1:2 pid=3")
	f.Fuzz(func(t *testing.T, line string) {
		a, _, err := parseReady(line)
		if err == nil && (a.http == "" || a.grpc == "") {
			t.Fatalf("%q gave %v", line, a)
		}
	})
}

func TestTheReadyLineArrivesInPieces(t *testing.T) {
	r := newReadyLines()
	for _, piece := range []string{"rea", "dy http=h:1 ", "grpc=h:2 pid=3", "\nnext\n", "more\n"} {
		n, err := r.Write([]byte(piece))
		require.NoError(t, err)
		require.Equal(t, len(piece), n)
	}
	for _, line := range []string{"ready http=h:1 grpc=h:2 pid=3", "next", "more"} {
		require.Equal(t, line, <-r.lines)
	}
}

func TestALineWithoutAnEndIsCutOff(t *testing.T) {
	r := newReadyLines()
	for range 5 {
		r.Write([]byte(strings.Repeat("x", 1024)))
	}
	_, _, err := parseReady(<-r.lines)
	require.Error(t, err)
}

func TestOnlyTheTailIsKept(t *testing.T) {
	tl := newTail(8)
	tl.Write([]byte("abcdef"))
	mark := tl.mark()
	require.Empty(t, tl.since(mark))
	tl.Write([]byte("ghi"))
	require.Equal(t, "ghi", tl.since(mark))
	require.Equal(t, "bcdefghi", tl.since(0))
	tl.Write([]byte("0123456789"))
	require.Equal(t, "23456789", tl.since(mark))
	require.Equal(t, "\n  its stderr:\n  23456789", tl.quote(mark))
	require.Empty(t, tl.quote(tl.mark()))
}
