//go:build unix

package drive

// The planted hang: what counts as naming it, and a run of both kinds.

import (
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestOnlyAReportThatCallsItStuckNamesTheHang(t *testing.T) {
	for text, want := range map[string][]string{
		"": nil,
		"level=INFO msg=stopping component=consumer\n": nil,
		"consumer stopped\n":                           nil,
		"  http  STUCK  3.0 s of 3.0 s\n":              nil,
		"a\n  consumer  STUCK  3.0 s\n  http  stopped": {"  consumer  STUCK  3.0 s"},
		"  consumer  STUCK\n      main.flush\n      x.go:4\n  http stopped\n    more\n": {
			"  consumer  STUCK", "      main.flush", "      x.go:4"},
	} {
		h := hangResult{exit: 3, text: text}
		require.Equal(t, want, h.blame(), "%q", text)
		require.Equal(t, want != nil, h.named(), "%q", text)
	}
}

func TestThoseThatStoppedAreNamedToo(t *testing.T) {
	require.Equal(t, []string{"http", "digest"}, hangResult{text: sampleReport}.spared())
	require.Empty(t, hangResult{text: "  http  stopped\n"}.spared(), "without a report")
}

func TestAReportThatComesWithTheKillIsTooLate(t *testing.T) {
	require.False(t, hangResult{killed: true, exit: -1, text: "consumer STUCK"}.named())
}

func TestBothServersAreStoppedInTheHang(t *testing.T) {
	d := &driver{progress: newProgress(io.Discard), children: newTestChildren(t, "blames"), results: newResults()}
	require.NoError(t, d.hang(testContext(t)))
	for _, k := range kinds {
		h := d.results.hangs[k]
		require.True(t, h.named())
		require.Equal(t, 3, h.exit)
		require.NotZero(t, h.after)
	}
}

func TestAHangIsToldInOneLine(t *testing.T) {
	for want, h := range map[string]hangResult{
		"nothing printed; killed after 4.0 s":               {killed: true, after: 4 * time.Second, text: " \n"},
		"nothing printed that names it; killed after 4.0 s": {killed: true, after: 4 * time.Second, text: "bye\n"},
		"exit 3 after 3.0 s, consumer named":                {exit: 3, after: 3 * time.Second, text: "consumer STUCK"},
		"exit 0 after 1.0 ms, nothing printed":              {after: time.Millisecond},
	} {
		require.Equal(t, want, h.String())
	}
}
