//go:build unix

package graceful_test

// TLS session tickets over a restart, in real processes.

import (
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/graceful"
)

// overTLS makes a child's server one over TLS that tells its keys, and where
// they can be read.
func overTLS(m *graceful.Manager, mux *http.ServeMux, srv *http.Server) {
	stranger := httptest.NewUnstartedServer(nil)
	stranger.StartTLS()
	stranger.Close()
	srv.TLSConfig = &tls.Config{Certificates: stranger.TLS.Certificates}
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, r *http.Request) {
		for _, key := range graceful.TicketKeysOf(m, "http") {
			fmt.Fprintln(w, hex.EncodeToString(key))
		}
	})
	mux.HandleFunc("GET /told", func(w http.ResponseWriter, r *http.Request) {
		told := []byte(strings.Join(append(os.Environ(), os.Args...), "\n"))
		for _, path := range []string{"/proc/self/environ", "/proc/self/cmdline"} {
			text, _ := os.ReadFile(path) // on Linux
			told = append(told, text...)
		}
		for _, key := range graceful.TicketKeysOf(m, "http") {
			for _, as := range spellings(key) {
				if bytes.Contains(told, as) {
					fmt.Fprintln(w, "a key is there")
				}
			}
		}
		fmt.Fprintf(w, "looked into %d bytes", len(told))
	})
}

func spellings(key []byte) [][]byte {
	return [][]byte{
		key, []byte(hex.EncodeToString(key)),
		[]byte(base64.RawStdEncoding.EncodeToString(key)[:40]), []byte(base64.RawURLEncoding.EncodeToString(key)[:40]),
	}
}

// resumer returns a client that dials for each request and remembers its
// session.
func resumer(version uint16, h2 bool) *http.Client {
	transport := &http.Transport{
		DisableKeepAlives: true, ForceAttemptHTTP2: h2,
		TLSClientConfig: &tls.Config{
			InsecureSkipVerify: true, MinVersion: version, MaxVersion: version,
			ClientSessionCache: tls.NewLRUClientSessionCache(0),
		},
	}
	return &http.Client{Transport: transport, Timeout: patience}
}

func getTLS(t *testing.T, c *http.Client, s *service, path string) (body string, resp *http.Response) {
	t.Helper()
	resp, err := c.Get("https://" + s.addr + path)
	require.NoError(t, err)
	return bodyOf(resp), resp
}

func TestAClientResumesItsSessionWithTheNewProcess(t *testing.T) {
	t.Parallel()
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, h2 := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s h2=%v", tls.VersionName(version), h2), func(t *testing.T) {
				t.Parallel()
				s := serve(t, "PROBATION=50ms", "TLS=1", "DRAINING=9")
				c := resumer(version, h2)
				_, resp := getTLS(t, c, s, "/pid")
				require.False(t, resp.TLS.DidResume)
				for range 3 {
					before := s.pid
					s.kill(syscall.SIGUSR2)
					s.ready()
					require.NotEqual(t, before, s.pid)
					pid, resp := getTLS(t, c, s, "/pid")
					require.Equal(t, strconv.Itoa(s.pid), pid)
					require.True(t, resp.TLS.DidResume)
					require.Equal(t, h2, resp.ProtoMajor == 2)
					s.said(fmt.Sprintf("process %d is done: <nil>", before))
				}
				keys, _ := getTLS(t, c, s, "/keys")
				told, _ := getTLS(t, c, s, "/told")
				require.Len(t, strings.Fields(keys), 1)
				require.Regexp(t, `^looked into \d{3,} bytes$`, told)
				s.kill(syscall.SIGTERM)
				s.said(fmt.Sprintf("process %d is done: <nil>", s.pid))
				key, err := hex.DecodeString(strings.TrimSpace(keys))
				require.NoError(t, err)
				for _, as := range spellings(key) {
					require.NotContains(t, s.output(), string(as), "the log has a key")
				}
			})
		}
	}
}

func TestATLSConnectionStaysEvenIfItIsIdle(t *testing.T) {
	t.Parallel()
	s := serve(t, "PROBATION=20s", "TLS=1", "IDLE=goes")
	old := strconv.Itoa(s.pid)
	c := resumer(tls.VersionTLS13, false)
	c.Transport.(*http.Transport).DisableKeepAlives = false
	pid, _ := getTLS(t, c, s, "/pid")
	require.Equal(t, old, pid)
	s.kill(syscall.SIGUSR2)
	s.ready()
	pid, _ = getTLS(t, c, s, "/pid")
	require.Equal(t, old, pid)
	s.kill(syscall.SIGTERM)
}

func TestAProgramThatHasItsOwnTicketKeysIsLeftAlone(t *testing.T) {
	t.Parallel()
	s := serve(t, "PROBATION=-1ns", "TLS=own keys")
	c := resumer(tls.VersionTLS13, false)
	_, _ = getTLS(t, c, s, "/pid")
	_, resp := getTLS(t, c, s, "/pid")
	require.True(t, resp.TLS.DidResume)
	s.kill(syscall.SIGUSR2)
	s.ready()
	pid, resp := getTLS(t, c, s, "/pid")
	require.Equal(t, strconv.Itoa(s.pid), pid)
	require.False(t, resp.TLS.DidResume, "nobody gave the new process the keys")
	s.kill(syscall.SIGTERM)
}
