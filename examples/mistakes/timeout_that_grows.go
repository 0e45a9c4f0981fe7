package mistakes

// A timeout that was to shrink and didn't.

import (
	"context"
	"time"

	"github.com/belay-go/belay/ctxutil"
)

// AskWrong gives the call ten seconds, also where its caller has one left.
func AskWrong(ctx context.Context, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return ask(ctx)
}

// AskRight gives it ten seconds at most, and the error says whose they were.
func AskRight(ctx context.Context, ask func(context.Context) error) error {
	ctx, cancel := ctxutil.ShrinkNamed(ctx, "price service", 10*time.Second)
	defer cancel()
	return ask(ctx)
}
