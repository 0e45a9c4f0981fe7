package main

// This file compares contrib/redis with redis_rate, on a redis-server that it
// starts. Where that is not installed there are no rows.

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"github.com/redis/go-redis/v9"
	"github.com/redis/rueidis"

	belayredis "github.com/belay-go/belay/contrib/redis"
	"github.com/belay-go/belay/contrib/redis/goredis"
	belayrueidis "github.com/belay-go/belay/contrib/redis/rueidis"
	"github.com/belay-go/belay/limiter"
)

// redisServer is the server of all rows, started once, and the clients.
type redisServer struct {
	once    sync.Once
	cmd     *exec.Cmd
	peer    *redis_rate.Limiter
	client  *redis.Client
	rueidis rueidis.Client
}

// stopRedis ends the server, if there is one.
var stopRedis = func() {}

func (s *redisServer) start() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	try(err)
	_, port, err := net.SplitHostPort(l.Addr().String())
	try(err)
	try(l.Close())
	// The shell ends it when our end of the pipe is gone, however we ended.
	s.cmd = exec.Command("sh", "-c", `redis-server --port "$1" --bind 127.0.0.1 --save "" >&2 & cat; kill -9 $!`, "sh", port)
	in, err := s.cmd.StdinPipe()
	try(err)
	try(s.cmd.Start())
	stopRedis = func() {
		_ = in.Close()
		_ = s.cmd.Wait()
	}
	addr := "127.0.0.1:" + port
	s.client = redis.NewClient(&redis.Options{Addr: addr, ContextTimeoutEnabled: true, PoolSize: 64})
	for limit := time.Now().Add(10 * time.Second); s.client.Ping(context.Background()).Err() != nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(limit) {
			panic("redis-server does not answer")
		}
	}
	s.peer = redis_rate.NewLimiter(s.client)
	s.rueidis, err = rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{addr}, DisableCache: true})
	try(err)
}

func try(err error) {
	if err != nil {
		panic(err)
	}
}

// redisRows ask for tokens that are there.
func redisRows() []row {
	if _, err := exec.LookPath("redis-server"); err != nil {
		fmt.Fprintln(os.Stderr, "bench: no redis-server, so no rows of redis")
		return nil
	}
	s := &redisServer{}
	overGoRedis := func() belayredis.Store { return goredis.New(s.client) }
	overRueidis := func() belayredis.Store { return belayrueidis.New(s.rueidis) }
	return []row{
		s.row("go-redis", 64, 0, 3, overGoRedis),
		s.row("rueidis", 64, 0, 3, overRueidis),
		s.row("go-redis", 1, 0, 0, overGoRedis),
		s.row("rueidis", 1, 0, 0, overRueidis),
		s.row("go-redis, 100 a lease", 64, 100, 48, overGoRedis),
		s.row("go-redis, 100 a lease", 1, 100, 48, overGoRedis),
		s.row("Redis gone (redis_rate's is not)", 64, 0, 3, func() belayredis.Store { return gone{} }),
		s.row("Redis gone (redis_rate's is not)", 1, 0, 3, func() belayredis.Store { return gone{} }),
	}
}

// gone is a Redis that is not there.
type gone struct{}

func (gone) Eval(ctx context.Context, _ *belayredis.Script, _, _ []string) ([]int64, error) {
	<-ctx.Done()
	return nil, errors.New("gone")
}

func (s *redisServer) row(what string, callers int, lease int64, target float64, store func() belayredis.Store) row {
	var ours *belayredis.Rate
	return row{
		shape:  fmt.Sprintf("TryTake, %d callers, %s", callers, what),
		peer:   "redis_rate",
		target: target,
		renew: func() {
			s.once.Do(s.start)
			if ours != nil {
				return
			}
			var err error
			ours, err = belayredis.NewRate(context.Background(), belayredis.RateOptions{
				Fleet: belayredis.Fleet{Store: store(), Key: "bench", Members: 1, Timeout: time.Second, Logger: slog.New(slog.DiscardHandler)},
				Limit: 1e9, Burst: 1e9, Lease: lease,
			})
			try(err)
		},
		theirs: func(n int) {
			ctx := context.Background()
			limit := redis_rate.Limit{Rate: 1e9, Burst: 1e9, Period: time.Second}
			share(callers, n, func(n int) {
				for range n {
					if _, err := s.peer.Allow(ctx, "bench", limit); err != nil {
						panic(err)
					}
				}
			})
		},
		ours: func(n int) {
			share(callers, n, func(n int) {
				for range n {
					p, err := ours.TryTake(1)
					if err != nil && !errors.Is(err, limiter.ErrLimited) {
						panic(err)
					}
					p.Release()
				}
			})
		},
	}
}
