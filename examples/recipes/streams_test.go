package recipes_test

// The long answers: every client gets to read that the server goes, and its
// connection ends in order.

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"testing"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/examples/recipes"
	"github.com/belay-go/belay/graceful"
)

func serve(t *testing.T, h http.HandlerFunc) *running {
	return run(t, func(m *graceful.Manager) {
		m.Add(0, graceful.HTTP("http", "127.0.0.1:0", &http.Server{Handler: h}))
	})
}

func TestAWebsocketClientReadsThatTheServerGoesAway(t *testing.T) {
	r := serve(t, recipes.Echo)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, _, err := websocket.Dial(ctx, "ws://"+r.Addr("http").String(), nil)
	require.NoError(t, err)
	defer c.CloseNow()
	require.NoError(t, c.Write(ctx, websocket.MessageText, []byte("hello")))
	_, data, err := c.Read(ctx)
	require.NoError(t, err)
	require.Equal(t, "hello", string(data))

	r.Stop(nil)
	_, _, err = c.Read(ctx)
	require.Equal(t, websocket.StatusGoingAway, websocket.CloseStatus(err), "%v", err)
	r.endsClean()
}

func TestAWebsocketClientThatLeavesFirstLeavesNothingBehind(t *testing.T) {
	r := serve(t, recipes.Echo)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, _, err := websocket.Dial(ctx, "ws://"+r.Addr("http").String(), nil)
	require.NoError(t, err)
	require.NoError(t, c.Close(websocket.StatusNormalClosure, ""))
	r.endsClean()
}

func TestAnEventStreamEndsWithALastEventAndWhole(t *testing.T) {
	next := make(chan string)
	r := serve(t, recipes.Events(next))
	resp, err := http.Get("http://" + r.Addr("http").String())
	require.NoError(t, err)
	defer resp.Body.Close()
	next <- "first"
	lines := bufio.NewReader(resp.Body)
	line, err := lines.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "data: first\n", line)

	r.Stop(nil)
	rest, err := io.ReadAll(lines) // an answer that is cut is an error
	require.NoError(t, err)
	require.Equal(t, "\nevent: bye\nretry: 200\ndata:\n\n", string(rest))
	r.endsClean()
}

func TestAnEventStreamWhoseClientLeavesEnds(t *testing.T) {
	ended := make(chan struct{})
	events := recipes.Events(nil)
	r := serve(t, func(w http.ResponseWriter, r *http.Request) { events(w, r); close(ended) })
	resp, err := http.Get("http://" + r.Addr("http").String())
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	receive(t, ended)
	r.endsClean()
}
