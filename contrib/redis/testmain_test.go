package belayredis_test

// This file has what all tests use: a Redis inside of the test, and leaks that
// fail the binary.

import (
	"context"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	belayredis "github.com/belay-go/belay/contrib/redis"
	"github.com/belay-go/belay/contrib/redis/goredis"
)

// patience bounds every wait for a real process or socket.
const patience = 40 * time.Second

func TestMain(m *testing.M) {
	if role := os.Getenv(roleEnv); role != "" {
		os.Exit(play(role))
	}
	code := m.Run()
	if code == 0 {
		code = leaks()
	}
	os.Exit(code)
}

// options are what every go-redis client of the tests has.
func options(addr string) *redis.Options {
	return &redis.Options{Addr: addr, ContextTimeoutEnabled: true, MaxRetries: -1}
}

func client(t *testing.T, addr string) belayredis.Store {
	t.Helper()
	c := redis.NewClient(options(addr))
	t.Cleanup(func() { _ = c.Close() })
	return goredis.New(c)
}

// at is when the clock of the embedded Redis stands at first.
var at = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// embedded is a Redis inside of the test whose clock stands still until it is set.
func embedded(t *testing.T) (*miniredis.Miniredis, belayredis.Store) {
	t.Helper()
	m := miniredis.RunT(t)
	m.SetTime(at)
	return m, client(t, m.Addr())
}

var quiet = slog.New(slog.DiscardHandler)

// fleetOf is what the tests of the embedded Redis share; it has time enough for a
// machine that does other things.
func fleetOf(store belayredis.Store) belayredis.Fleet {
	return belayredis.Fleet{Store: store, Key: "test", Timeout: 20 * time.Second, Logger: quiet}
}

func newRate(t *testing.T, o belayredis.RateOptions) *belayredis.Rate {
	t.Helper()
	r, err := belayredis.NewRate(t.Context(), o)
	require.NoError(t, err)
	return r
}

// eventually waits for what others do.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for limit := time.Now().Add(patience); !done(); time.Sleep(5 * time.Millisecond) {
		require.True(t, time.Now().Before(limit), "%s", what)
	}
}

// storeFunc is a store of the test's own.
type storeFunc func(ctx context.Context, script *belayredis.Script, keys, args []string) ([]int64, error)

func (f storeFunc) Eval(ctx context.Context, script *belayredis.Script, keys, args []string) ([]int64, error) {
	return f(ctx, script, keys, args)
}

// silent keeps go-redis from telling of every server that these tests kill.
type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}

func init() { redis.SetLogger(silent{}) }
