package main

// The http routes, without a socket: requests are handed to the handler.

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/examples/service/files"
)

// helloSum is the digest of "hello\n".
const helloSum = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"

// newTestService serves a folder with two files, and a secret beside it.
func newTestService(t testing.TB, set settings) *service {
	t.Helper()
	parent := t.TempDir()
	root := filepath.Join(parent, "root")
	require.NoError(t, os.MkdirAll(filepath.Join(root, "sub"), 0o755))
	for name, text := range map[string]string{"root/hello": "hello\n", "root/sub/b": "hello\nb", "secret": "hello\n"} {
		require.NoError(t, os.WriteFile(filepath.Join(parent, name), []byte(text), 0o644))
	}
	require.NoError(t, os.Symlink("../secret", filepath.Join(root, "link")))
	cfg, err := parse([]string{"-root", root}, func(string) string { return "" })
	require.NoError(t, err)
	s, err := newService(cfg, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	s.limits.set(set)
	return s
}

func generous() settings { return settings{rate: 1000, concurrency: 100} }

func do(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func get(h http.Handler, url string) *httptest.ResponseRecorder {
	return do(h, httptest.NewRequest("GET", url, nil))
}

func TestEveryRouteAnswers(t *testing.T) {
	s := newTestService(t, generous())
	s.setReady(true)
	h := s.routes()

	w := get(h, "/sum?path=hello")
	require.Equal(t, 200, w.Code)
	require.JSONEq(t, `{"path":"hello","size":6,"sha256":"`+helloSum+`"}`, w.Body.String())

	var sums []files.Sum
	require.NoError(t, json.Unmarshal(get(h, "/tree").Body.Bytes(), &sums))
	require.Len(t, sums, 2)
	require.Equal(t, files.Sum{Path: "hello", SHA256: helloSum, Size: 6}, sums[0])
	require.Equal(t, "sub/b", sums[1].Path)
	require.NoError(t, json.Unmarshal(get(h, "/tree?dir=sub").Body.Bytes(), &sums))
	require.Len(t, sums, 1)

	w = get(h, "/search?q=hell")
	require.Equal(t, 200, w.Code)
	require.ElementsMatch(t, []string{"hello:1: hello", "sub/b:1: hello"}, strings.Split(strings.TrimSpace(w.Body.String()), "\n"))

	w = do(h, httptest.NewRequest("POST", "/echo", strings.NewReader("ping")))
	require.Equal(t, "ping", w.Body.String())
	require.Equal(t, "slept 1ms\n", get(h, "/slow?d=1ms").Body.String())
	require.Equal(t, "ok\n", get(h, "/livez").Body.String())
	require.Equal(t, "ok\n", get(h, "/readyz").Body.String())
	require.Contains(t, get(h, "/version").Body.String(), `"generation":1`)
}

func TestBadRequestsAreToldApart(t *testing.T) {
	h := newTestService(t, generous()).routes()
	for url, want := range map[string]int{
		"/sum":                    400,
		"/sum?path=":              400,
		"/sum?path=sub":           400,
		"/sum?path=a%00b":         400,
		"/sum?path=nothing":       404,
		"/sum?path=hello/x":       404,
		"/sum?path=../secret":     403,
		"/sum?path=/etc/passwd":   403,
		"/sum?path=sub/../../x":   403,
		"/sum?path=link":          403,
		"/sum?path=%2e%2e/secret": 403,
		"/tree?dir=..":            403,
		"/tree?dir=/":             403,
		"/tree?dir=nothing":       404,
		"/tree?dir=hello":         400,
		"/search":                 400,
		"/slow?d=x":               400,
		"/slow?d=-1s":             400,
		"/slow?d=11s":             400,
		"/nothing":                404,
	} {
		w := get(h, url)
		require.Equal(t, want, w.Code, url)
		require.Equal(t, 1, strings.Count(w.Body.String(), "\n"), "one line: %s", w.Body)
	}
	require.Equal(t, 400, get(h, "/sum?path="+strings.Repeat("x/", 3000)).Code)
}

func TestAWrongMethodIs405AndNamesTheRightOne(t *testing.T) {
	h := newTestService(t, generous()).routes()
	for url, method := range map[string]string{
		"/sum": "POST", "/tree": "PUT", "/search": "DELETE", "/slow": "POST",
		"/echo": "GET", "/livez": "POST", "/readyz": "POST", "/version": "POST",
	} {
		w := do(h, httptest.NewRequest(method, url, nil))
		require.Equal(t, 405, w.Code, url)
		require.NotEmpty(t, w.Header().Get("Allow"), url)
	}
}

func TestABodyOverTheLimitIs413(t *testing.T) {
	h := newTestService(t, generous()).routes()
	body := bytes.Repeat([]byte("x"), maxBody)
	w := do(h, httptest.NewRequest("POST", "/echo", bytes.NewReader(body)))
	require.Equal(t, 200, w.Code)
	require.Equal(t, body, w.Body.Bytes())
	w = do(h, httptest.NewRequest("POST", "/echo", bytes.NewReader(append(body, 'x'))))
	require.Equal(t, 413, w.Code)
	w = do(h, httptest.NewRequest("POST", "/echo", io.MultiReader(strings.NewReader("cut"), brokenBody{})))
	require.Equal(t, 400, w.Code)
}

type brokenBody struct{}

func (brokenBody) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
