package files

// The digest of one file, and of all files below a folder: the bounded
// fan-out that errgroup is for.

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"slices"
	"sync"

	"github.com/belay-go/belay/errgroup"
)

// Sum is the digest of one file.
type Sum struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256,omitempty"` // hexadecimal
	Size   int64  `json:"size"`             // bytes hashed
	Error  string `json:"error,omitempty"`  // in a tree: why the file could not be read
}

// Sum hashes one file. It returns [ErrOutside], [ErrKind], an error that Is
// [fs.ErrNotExist] or [fs.ErrPermission], or the cause of a ctx that was done
// before the end of the file.
func (s *Store) Sum(ctx context.Context, name string) (Sum, error) {
	f, err := s.open(name)
	if err != nil {
		return Sum{}, err
	}
	defer f.Close()
	h := sha256.New()
	// The size is counted, not asked for: the file may grow meanwhile.
	size, err := io.Copy(h, reader{ctx, f})
	if err != nil {
		return Sum{}, err
	}
	return Sum{Path: name, SHA256: hex.EncodeToString(h.Sum(nil)), Size: size}, nil
}

// Tree hashes all regular files below dir, several at a time, and returns
// them sorted by path. A file that can't be read is listed with the reason;
// only dir itself and a done context make the call fail.
func (s *Store) Tree(ctx context.Context, dir string) ([]Sum, error) {
	var found struct {
		sync.Mutex
		sums []Sum
	}
	found.sums = []Sum{} // an empty folder is a list too
	add := func(sum Sum) {
		found.Lock()
		defer found.Unlock()
		found.sums = append(found.sums, sum)
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(s.workers)
	err := s.walk(gctx, dir, func(name string, err error) error {
		if err != nil {
			add(Sum{Path: name, Error: err.Error()})
			return nil
		}
		// At the limit Go waits for a worker, and so the walk with it: a
		// folder of a million files never has a million goroutines.
		g.Go(func() error {
			sum, err := s.Sum(gctx, name)
			if gctx.Err() != nil {
				return context.Cause(gctx)
			}
			if err != nil {
				sum = Sum{Path: name, Error: err.Error()}
			}
			add(sum)
			return nil
		})
		return nil
	})
	// Wait even if the walk failed, so that no worker outlives the call.
	if werr := g.Wait(); werr != nil {
		return nil, werr
	}
	if err != nil {
		return nil, err
	}
	slices.SortFunc(found.sums, func(a, b Sum) int { return cmp.Compare(a.Path, b.Path) })
	return found.sums, nil
}
