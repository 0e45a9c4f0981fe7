package drive

// The kernel's part: a server does not outlive a driver that is killed.

import (
	"net"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAServerEndsWithADriverThatIsKilled(t *testing.T) {
	cs := newTestChildren(t, "drives")
	line := newReadyLines()
	driver := exec.Command(cs.exe)
	driver.Stdout = line
	driver.WaitDelay = patience
	require.NoError(t, driver.Start())
	defer driver.Process.Kill()
	server, _, err := parseReady(<-line.lines)
	require.NoError(t, err)
	conn, err := net.DialTimeout("tcp", server.http, patience)
	require.NoError(t, err, "the server is up")
	defer conn.Close()

	require.NoError(t, driver.Process.Kill())
	driver.Wait()
	// The server's end closes the connection, which it would otherwise keep.
	conn.SetReadDeadline(time.Now().Add(patience))
	_, err = conn.Read(make([]byte, 1))
	require.Error(t, err)
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
}
