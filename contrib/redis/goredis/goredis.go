// Package goredis lets limits of package belayredis use a client of
// github.com/redis/go-redis/v9.
//
// When not to use it: with another client, for which [belayredis.Store] has one method
// to write.
//
// It sends the hash of a script, and its text where Redis does not know that:
// after a restart, a failover or a SCRIPT FLUSH. It closes nothing.
package goredis

import (
	"context"
	"strings"

	"github.com/redis/go-redis/v9"

	belayredis "github.com/belay-go/belay/contrib/redis"
)

// New returns the client as a store: a *redis.Client, *redis.ClusterClient,
// *redis.Ring, or another client of one's own.
//
// It panics with "goredis: a nil client" if client is nil, and with "goredis: the
// client needs ContextTimeoutEnabled" if it is one of go-redis' own without that
// option: it would ignore contexts, and a Redis that hangs would hold a call for
// its ReadTimeout, several times over. MaxRetries should be -1, as the package
// has its own answer to a failure.
func New(client redis.UniversalClient) belayredis.Store {
	enabled := true
	switch c := client.(type) {
	case nil:
		panic("goredis: a nil client")
	case *redis.Client:
		enabled = c.Options().ContextTimeoutEnabled
	case *redis.ClusterClient:
		enabled = c.Options().ContextTimeoutEnabled
	case *redis.Ring:
		enabled = c.Options().ContextTimeoutEnabled
	}
	if !enabled {
		panic("goredis: the client needs ContextTimeoutEnabled")
	}
	return store{client}
}

type store struct{ client redis.UniversalClient }

// Eval runs a script.
func (s store) Eval(ctx context.Context, script *belayredis.Script, keys, args []string) ([]int64, error) {
	some := make([]any, len(args))
	for i, a := range args {
		some[i] = a
	}
	reply, err := s.client.EvalSha(ctx, script.SHA, keys, some...).Int64Slice()
	if err != nil && strings.HasPrefix(err.Error(), "NOSCRIPT") {
		reply, err = s.client.Eval(ctx, script.Text, keys, some...).Int64Slice()
	}
	return reply, err
}
