package belayredis

// This file is all that the package wants of a client of Redis.

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
)

// Store runs scripts on a Redis. The packages goredis and rueidis below this one
// make one of a client; anything else that can run a script will do. An
// implementation must allow concurrent calls.
type Store interface {
	// Eval runs the script with the keys, which share one hash slot, and the
	// arguments, and returns its integers. It should send script.SHA, and
	// script.Text where Redis does not know that. It must return when ctx is done:
	// how long a call takes while Redis hangs depends on nothing else. A panic goes on
	// to the caller that made the round trip, and ends the process where a timer made
	// it.
	Eval(ctx context.Context, script *Script, keys, args []string) ([]int64, error)
}

// Script is a script as a [Store] is to run it. There are two, one for rates and
// one for semaphores; both are fixed, so a Store may prepare by pointer what it
// needs for each.
type Script struct {
	Text string // in Lua
	SHA  string // the SHA-1 of Text in hexadecimal, which is what EVALSHA wants
}

func newScript(text string) *Script {
	sum := sha1.Sum([]byte(text))
	return &Script{Text: text, SHA: hex.EncodeToString(sum[:])}
}
