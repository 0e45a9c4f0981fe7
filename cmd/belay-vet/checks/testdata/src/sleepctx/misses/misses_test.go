package misses

// A test waits as it likes.

import (
	"context"
	"time"
)

func waitLong(ctx context.Context) {
	time.Sleep(time.Minute)
}
