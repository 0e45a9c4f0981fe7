package main

// The digest: no request is missing from it, and it holds nobody up.

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"regexp"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// counted returns the requests of each line.
func counted(t *testing.T, log []byte) (counts []int) {
	for _, m := range regexp.MustCompile(` requests=(\d+)`).FindAllSubmatch(log, -1) {
		n, err := strconv.Atoi(string(m[1]))
		require.NoError(t, err)
		counts = append(counts, n)
	}
	return counts
}

func TestTheDigestIsALineForEveryFewSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		s := newServed(slog.New(slog.NewTextHandler(&log, nil)))
		for range 25 {
			call := s.begin("GET /x")
			time.Sleep(time.Second)
			call.end(nil)
		}
		s.begin("GET /y").end(errors.New("a fault"))
		require.NoError(t, s.digest.close(t.Context()))
		require.Equal(t, []int{11, 11, 4}, counted(t, log.Bytes()))
		require.Contains(t, log.String(), `failed=1 slowest=1s route="GET /x"`)
		require.NoError(t, s.digest.close(t.Context()), "nothing is left")
		require.Equal(t, []int{11, 11, 4}, counted(t, log.Bytes()))
	})
}

func TestALogThatHangsHoldsUpNoRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out, in := io.Pipe() // every write waits for a read
		s := newServed(slog.New(slog.NewTextHandler(in, nil)))
		for range 50 {
			s.begin("GET /x").end(nil)
			time.Sleep(time.Second)
		}
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, s.digest.close(short), context.DeadlineExceeded)

		// Once the log is read again, the rest comes.
		read := make(chan []byte)
		go func() {
			all, _ := io.ReadAll(out)
			read <- all
		}()
		require.NoError(t, s.digest.close(t.Context()))
		require.NoError(t, in.Close())
		require.Equal(t, []int{11, 39}, counted(t, <-read))
	})
}
