package misses

// What helps tests waits as tests do.

import (
	"context"
	"testing"
	"time"
)

func waitFor(ctx context.Context, t *testing.T) {
	time.Sleep(time.Minute)
}
