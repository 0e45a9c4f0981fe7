package status_test

// The page as a browser sees it: a headless Chromium where there is one, and
// otherwise the document as it is sent. What is checked is the same.

import (
	"bytes"
	"context"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/graceful/status"
)

// A renderer returns the document as it is after loading, and what the browser
// complained of on the way.
type renderer func(t *testing.T, url string) (document, complaints string)

// findBrowser returns the browser of this machine, or "" if there is none that
// starts.
func findBrowser() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "headless-shell"} {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		err = exec.CommandContext(ctx, path, "--version").Run()
		cancel()
		if err == nil {
			return path
		}
	}
	return ""
}

// inBrowser loads a page in a browser that has never been used.
func inBrowser(path string) renderer {
	return func(t *testing.T, url string) (string, string) {
		t.Helper()
		home, err := os.MkdirTemp("", "status-browser-")
		require.NoError(t, err)
		t.Cleanup(func() { _ = os.RemoveAll(home) }) // a helper of the browser may still write
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		cmd := exec.CommandContext(ctx, path, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
			"--no-first-run", "--disable-background-networking", "--user-data-dir="+home,
			"--enable-logging=stderr", "--dump-dom", url)
		cmd.WaitDelay = time.Second
		var out, log bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &log
		require.NoError(t, cmd.Run(), "%s", &log)
		var complaints []string
		for line := range strings.Lines(log.String()) {
			if strings.Contains(line, "CONSOLE") {
				complaints = append(complaints, line)
			}
		}
		return out.String(), strings.Join(complaints, "")
	}
}

// asSent gets the document and looks at nothing.
func asSent(t *testing.T, url string) (string, string) {
	t.Helper()
	defer http.DefaultClient.CloseIdleConnections()
	resp, err := http.Get(url)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return string(body), ""
}

var (
	tag   = regexp.MustCompile(`<[^<>]*>`)
	inert = regexp.MustCompile(`(?s)<style>.*?</style>`)
)

// textOf is the text of a document, as sent or as a browser writes it.
func textOf(document string) string {
	return strings.Join(strings.Fields(html.UnescapeString(tag.ReplaceAllString(inert.ReplaceAllString(document, " "), " "))), " ")
}

func TestABrowserShowsThePageAndComplainsOfNothing(t *testing.T) {
	t.Parallel()
	const evil = `<script>document.title="taken"</script><img src=x onerror="document.title='taken'">`
	render, browser := renderer(asSent), findBrowser()
	if browser != "" {
		render = inBrowser(browser)
	}
	t.Logf("browser: %q", browser)

	s := run(t, status.Options{Title: "shop", Detail: true}, evil)
	require.Eventually(t, func() bool { return strings.HasPrefix(s.json(t, "&stacks").Components[1].Where, "chan send") }, patience, time.Millisecond)
	document, complaints := render(t, s.page+"?stacks")
	require.Empty(t, complaints)
	require.Contains(t, document, "<title>ready: shop</title>")
	require.NotContains(t, document, "<script")
	require.NotContains(t, document, "<img")
	text := textOf(document)
	require.Contains(t, text, "shop ready for ")
	require.Contains(t, text, "phase 2 web up ")
	require.Contains(t, text, "phase 1 "+evil+" up ")
	require.Contains(t, text, "chan send, 1 goroutine, status_test.flush graceful/status/live_test.go:")
	require.Contains(t, text, "Connections 0 open")
	require.Contains(t, text, "requests 7 0 0 0 ")

	s.m.Stop(nil)
	require.Eventually(t, func() bool { return s.json(t, "").State == "stopping" }, patience, time.Millisecond)
	document, complaints = render(t, s.page)
	require.Empty(t, complaints)
	require.NotContains(t, document, "<title>taken</title>")
	require.Contains(t, textOf(document), evil+" st") // stopping, or stuck if the browser takes its time

	if browser == "" {
		return
	}
	// A browser that would not complain proves nothing: here is a page that
	// breaks the same rules.
	policy := ask(status.Handler(s.m, status.Options{}), "GET", "/").Header().Get("Content-Security-Policy")
	bad := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		_, _ = io.WriteString(w, `<!DOCTYPE html><title>bad</title><style>p { color: red; }</style><script>document.title="taken"</script><p>bad`)
	}))
	defer bad.Close()
	document, complaints = render(t, bad.URL)
	require.Contains(t, document, "<title>bad</title>", "the policy let a script run")
	require.Contains(t, complaints, "script")
	require.Contains(t, complaints, "inline style", "the policy let a foreign style through")
}
