package graceful_test

// h2 connections are told to go while they still have streams, and nothing of
// http/1.1 is dropped for that.

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/graceful"
)

func TestAnHTTP2StreamThatLastsHearsOfTheEndBeforeItsOwn(t *testing.T) {
	started, release := make(chan struct{}), make(chan struct{})
	mux := handler()
	mux.HandleFunc("GET /block", func(w http.ResponseWriter, _ *http.Request) {
		close(started)
		<-release
		io.WriteString(w, "whole")
	})
	srv := &http.Server{Handler: mux, Protocols: new(http.Protocols)}
	srv.Protocols.SetHTTP1(true)
	srv.Protocols.SetUnencryptedHTTP2(true)
	addr, stop := serveHTTP(t, srv)

	conns := make(chan *recorder, 1)
	transport := &http.Transport{Protocols: new(http.Protocols), DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, addr)
		r := &recorder{Conn: c}
		conns <- r
		return r, err
	}}
	transport.Protocols.SetUnencryptedHTTP2(true)
	body := make(chan string, 1)
	go func() { // ends with its answer
		resp, err := (&http.Client{Transport: transport}).Get("http://" + addr + "/block")
		if err != nil {
			body <- err.Error()
			return
		}
		got, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		body <- string(got)
	}()
	conn := <-conns
	<-started
	idle := dial(t, addr)
	r := bufio.NewReader(idle)
	_, err := exchange(idle, r, "first", true)
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() { // ends with the stop
		_, err := stop()
		done <- err
	}()
	const goAway = 7
	require.Eventually(t, func() bool { return bytes.Contains(conn.frames(), []byte{goAway}) }, patience, time.Millisecond)
	a, err := exchange(idle, r, "second", true)
	require.NoError(t, err, "http/1.1 is still served")
	require.False(t, a.again)
	close(release)
	require.Equal(t, "whole", <-body)
	require.NoError(t, <-done)
}

func TestHTTP2StaysOffWhereItIsOff(t *testing.T) {
	stranger := httptest.NewUnstartedServer(nil)
	stranger.StartTLS()
	defer stranger.Close()
	srv := &http.Server{
		TLSConfig:    &tls.Config{Certificates: stranger.TLS.Certificates},
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){},
		Handler:      http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.ProtoMajor) }),
	}
	addr, stop := serveHTTP(t, srv)
	transport := stranger.Client().Transport.(*http.Transport).Clone()
	transport.ForceAttemptHTTP2 = true
	require.Equal(t, "1", begin(t, &http.Client{Transport: transport}, "https://"+addr).body(t))
	_, err := stop()
	require.NoError(t, err)
}

func TestATLSConfigThatNeverCouldSpeakHTTP2IsAFailure(t *testing.T) {
	stranger := httptest.NewUnstartedServer(nil)
	stranger.StartTLS()
	defer stranger.Close()
	m := graceful.New(quietly())
	m.Add(1, graceful.HTTP("http", "127.0.0.1:0", &http.Server{TLSConfig: &tls.Config{
		Certificates: stranger.TLS.Certificates,
		CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256},
	}}))
	_, err := m.Run(t.Context())
	require.ErrorContains(t, err, "TLSConfig.CipherSuites", "as net/http says it")
}

// Another server's h2 serves the connections, by the settings and hooks of this one.
func TestTheServersSettingsHoldForItsH2Connections(t *testing.T) {
	const streams, headerBytes = 7, 1 << 12
	states := make(chan http.ConnState, 10)
	srv := &http.Server{
		Protocols:      new(http.Protocols),
		HTTP2:          &http.HTTP2Config{MaxConcurrentStreams: streams},
		MaxHeaderBytes: headerBytes,
		ConnState:      func(_ net.Conn, s http.ConnState) { states <- s },
		Handler:        http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}),
	}
	srv.Protocols.SetUnencryptedHTTP2(true)
	addr, stop := serveHTTP(t, srv)
	conn := dial(t, addr)
	fmt.Fprint(conn, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
	frame := make([]byte, 9) // RFC 9113, 4.1: length, type, flags, stream
	_, err := io.ReadFull(conn, frame)
	require.NoError(t, err)
	require.EqualValues(t, 4, frame[3], "SETTINGS")
	payload := make([]byte, int(frame[1])<<8|int(frame[2]))
	_, err = io.ReadFull(conn, payload)
	require.NoError(t, err)
	settings := map[uint16]uint32{}
	for ; len(payload) >= 6; payload = payload[6:] {
		settings[binary.BigEndian.Uint16(payload)] = binary.BigEndian.Uint32(payload[2:])
	}
	require.EqualValues(t, streams, settings[3], "SETTINGS_MAX_CONCURRENT_STREAMS")
	require.GreaterOrEqual(t, settings[6], uint32(headerBytes), "SETTINGS_MAX_HEADER_LIST_SIZE")
	require.Less(t, settings[6], uint32(2*headerBytes), "which counts a little more for each field")
	require.NoError(t, conn.Close())
	_, err = stop()
	require.NoError(t, err)
	close(states)
	var seen []http.ConnState
	for s := range states {
		seen = append(seen, s)
	}
	require.Contains(t, seen, http.StateIdle, "as h2 says of a connection without streams")
	require.Equal(t, http.StateClosed, seen[len(seen)-1])
}
