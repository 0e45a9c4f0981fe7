package drive

// The h2c client: net/http's own, with requests that it can't send twice.

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"time"
)

// h2c is one transport, and so one connection at a time. Only its worker
// uses it.
type h2c struct {
	url       string
	transport *http.Transport
}

func newH2C(addr string) *h2c {
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	return &h2c{
		url: "http://" + addr + "/echo",
		transport: &http.Transport{
			Protocols: &protocols,
			DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
				return dial(ctx, addr)
			},
		},
	}
}

// connect does nothing: the transport dials as part of a request.
func (*h2c) connect(context.Context) error { return nil }

// do posts the n-th echo, and is now and then slow to send the end of it.
func (c *h2c) do(ctx context.Context, n int) result {
	ctx, cancel := context.WithDeadline(ctx, deadline(ctx))
	defer cancel()
	want := echoBody(n)
	// A body that is nothing but a reader can't be rewound, so the transport
	// has no second try.
	body := io.Reader(&onceReader{bytes.NewReader(want)})
	if d := pause(n); d > 0 {
		body = &slowBody{body, d}
	}
	request, err := http.NewRequestWithContext(ctx, "POST", c.url, body)
	if err != nil {
		return result{broken, err}
	}
	request.ContentLength = int64(len(want))
	response, err := c.transport.RoundTrip(request)
	if err != nil {
		return ofError(err)
	}
	defer response.Body.Close()
	if response.ProtoMajor != 2 {
		return result{broken, errors.New("not answered by HTTP/2: " + response.Proto)}
	}
	got, err := io.ReadAll(response.Body)
	if err != nil {
		return result{lost, err}
	}
	return ofStatus(response.StatusCode, bytes.Equal(got, want))
}

func (c *h2c) close() { c.transport.CloseIdleConnections() }

// onceReader hides what a bytes.Reader could do besides reading.
type onceReader struct{ io.Reader }

// slowBody waits before its first byte, while the header is already out.
type slowBody struct {
	io.Reader
	wait time.Duration
}

func (b *slowBody) Read(p []byte) (int, error) {
	time.Sleep(b.wait)
	b.wait = 0
	return b.Reader.Read(p)
}
