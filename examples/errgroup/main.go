// Errgroup checks files against a list of checksums, as sha256sum -c does, at
// most four at a time, and stops at the first that doesn't match.
//
// Look at check: Go waits while four tasks run, so the loop never runs ahead of
// the disk; the first error ends ctx, and ctx ends the loop and whoever reads.
//
// It prints:
//
//	all is well: <nil>
//	one is damaged: file-007: damaged
//	the context says why as well: true
package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/belay-go/belay/errgroup"
)

type entry struct {
	path string
	sum  [sha256.Size]byte
}

// check returns the first error there is, and context.Cause of what its tasks ran under.
func check(ctx context.Context, list []entry) (err, cause error) {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(4)
	for _, e := range list {
		if ctx.Err() != nil {
			break // one has failed: don't open the rest
		}
		g.Go(func() error {
			sum, err := hash(ctx, e.path)
			switch {
			case err != nil:
				return err
			case sum != e.sum:
				return fmt.Errorf("%s: damaged", filepath.Base(e.path))
			}
			return nil
		})
	}
	err = g.Wait() // nothing runs any more after this
	return err, context.Cause(ctx)
}

// hash reads in pieces and looks at ctx in between, so that a large file doesn't
// hold up the end.
func hash(ctx context.Context, path string) (sum [sha256.Size]byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return sum, err
	}
	defer f.Close()
	h := sha256.New()
	for {
		if ctx.Err() != nil {
			return sum, context.Cause(ctx)
		}
		switch _, err := io.CopyN(h, f, 64<<10); err {
		case nil:
		case io.EOF:
			return [sha256.Size]byte(h.Sum(nil)), nil
		default:
			return sum, err
		}
	}
}

func main() {
	dir, err := os.MkdirTemp("", "errgroup")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	var list []entry
	for i := range 20 {
		e := entry{path: filepath.Join(dir, fmt.Sprintf("file-%03d", i))}
		text := make([]byte, 200<<10)
		text[0] = byte(i)
		e.sum = sha256.Sum256(text)
		if err := os.WriteFile(e.path, text, 0o600); err != nil {
			panic(err)
		}
		list = append(list, e)
	}

	err, _ = check(context.Background(), list)
	fmt.Println("all is well:", err)

	if err := os.WriteFile(list[7].path, []byte("oops"), 0o600); err != nil {
		panic(err)
	}
	err, cause := check(context.Background(), list)
	fmt.Println("one is damaged:", err)
	fmt.Println("the context says why as well:", cause == err)
}
