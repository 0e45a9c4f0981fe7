package graceful_test

// An h2 client that sends one request after another may be silent for a moment
// when a stop begins: what it sends before it has read a GOAWAY would be lost.

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// h2Client has a connection of its own that speaks h2.
func h2Client(t *testing.T, url string) *http.Client {
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Transport: transport}
	require.NoError(t, post(client, url))
	return client
}

// post sends what can't be sent again.
func post(client *http.Client, url string) error {
	resp, err := client.Post(url, "text/plain", io.MultiReader(strings.NewReader("once")))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.ReadAll(resp.Body)
	return err
}

func TestABusyHTTP2ClientMayBeSilentForAMoment(t *testing.T) {
	// A machine that is busy may keep the client from its turn for longer.
	var err error
	for range 3 {
		srv := &http.Server{Protocols: new(http.Protocols), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(w, r.Body)
		})}
		srv.Protocols.SetUnencryptedHTTP2(true)
		addr, stop := serveHTTP(t, srv)
		url := "http://" + addr
		others, silent := make([]*http.Client, 8), h2Client(t, url)
		for i := range others {
			others[i] = h2Client(t, url)
		}
		stopped := make(chan error, 1)
		go func() { // ends with the stop
			_, err := stop()
			stopped <- err
		}()
		for i, other := range others { // some of them while it accepts no more
			wait(time.Duration(i) * time.Millisecond)
			_ = post(other, url)
		}
		wait(70 * time.Millisecond)
		err = post(silent, url)
		require.NoError(t, <-stopped)
		if err == nil {
			return
		}
	}
	require.NoError(t, err)
}
