package mistakes

// A panic in one goroutine, and a recover in another.

import (
	"context"
	"fmt"
	"sync"

	"github.com/belay-go/belay/errgroup"
)

// SizesWrong takes the process down when size panics.
func SizesWrong(paths []string, size func(string) int64) (sizes []int64, err error) {
	defer func() {
		if v := recover(); v != nil { // never sees what the goroutines panic with
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	sizes = make([]int64, len(paths))
	var wg sync.WaitGroup
	for i, path := range paths {
		wg.Go(func() { sizes[i] = size(path) })
	}
	wg.Wait()
	return sizes, nil
}

// SizesRight returns the panic as an error, with its stack, and ends the others.
func SizesRight(ctx context.Context, paths []string, size func(string) int64) ([]int64, error) {
	o := errgroup.Options{Name: "sizes", Limit: 8, PanicsAsErrors: true}
	return errgroup.Map(ctx, o, paths, func(_ context.Context, path string) (int64, error) {
		return size(path), nil
	})
}
