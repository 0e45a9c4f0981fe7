// Package rueidis lets limits of package belayredis use a client of
// github.com/redis/rueidis.
//
// When not to use it: with another client, for which [belayredis.Store] has one method
// to write.
//
// It sends the hash of a script, and its text where Redis does not know that:
// after a restart, a failover or a SCRIPT FLUSH. It closes nothing.
package rueidis

import (
	"context"
	"sync"

	"github.com/redis/rueidis"

	belayredis "github.com/belay-go/belay/contrib/redis"
)

// New returns the client as a store. The client should have DisableRetry, as the
// package has its own answer to a failure.
//
// It panics with "rueidis: a nil client" if client is nil.
func New(client rueidis.Client) belayredis.Store {
	if client == nil {
		panic("rueidis: a nil client")
	}
	return &store{client: client}
}

type store struct {
	client  rueidis.Client
	scripts sync.Map // *belayredis.Script to *rueidis.Lua
}

// Eval runs a script.
func (s *store) Eval(ctx context.Context, script *belayredis.Script, keys, args []string) ([]int64, error) {
	lua, ok := s.scripts.Load(script)
	if !ok {
		lua, _ = s.scripts.LoadOrStore(script, rueidis.NewLuaScript(script.Text))
	}
	return lua.(*rueidis.Lua).Exec(ctx, s.client, keys, args).AsIntSlice()
}
