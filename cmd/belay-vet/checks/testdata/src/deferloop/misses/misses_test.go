package misses

// What a test piles up goes with the test.

import (
	"context"
	"testing"
	"time"
)

func TestNames(t *testing.T) {
	for _, name := range []string{t.Name()} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, _ = get(context.WithValue(ctx, &name, name))
	}
	for n := t.Name(); n != ""; n = n[1:] {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_ = try(ctx)
	}
}
