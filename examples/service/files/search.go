package files

// The search for a text in all files: results are passed on while files are
// still read, so it is a sequence and not a slice.

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"iter"

	"github.com/belay-go/belay/errgroup"
)

const (
	batch   = 256 // most matches kept before they are passed on
	maxText = 200 // longest part of a line that a Match carries, in bytes
)

// ErrEmptyQuery: a search for nothing, which every line would match.
var ErrEmptyQuery = errors.New("files: nothing to search for")

// Match is one line that contains what was searched for.
type Match struct {
	Path string
	Line int    // from 1
	Text string // the line, cut after 200 bytes
}

// Search yields the lines that contain query below the folder, in batches:
// the lines of one file in order, the files as their search goes on. Files
// that look binary or can't be read are passed over. An error ends the
// sequence: [ErrEmptyQuery], or the cause of a ctx that was done first. All
// goroutines have ended when the loop is left, also by a break.
func (s *Store) Search(ctx context.Context, query string) iter.Seq2[[]Match, error] {
	return func(yield func([]Match, error) bool) {
		if query == "" {
			yield(nil, ErrEmptyQuery)
			return
		}
		ctx, cancel := context.WithCancel(ctx)
		found := make(chan []Match)
		var err error
		// The producer ends with its walk, which the cancel below ends early.
		go func() {
			defer close(found)
			err = s.produce(ctx, []byte(query), found)
		}()
		defer func() {
			cancel()
			for range found { // until the producer has ended
			}
		}()
		for matches := range found {
			if !yield(matches, nil) {
				return
			}
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

// produce sends the matches of all files and returns when every worker ended.
func (s *Store) produce(ctx context.Context, query []byte, found chan<- []Match) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(s.workers)
	send := func(matches []Match) error {
		select {
		case found <- matches:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	walked := s.walk(ctx, ".", func(name string, err error) error {
		if err != nil {
			return nil // can't be listed: passed over
		}
		g.Go(func() error { return s.grep(ctx, name, query, send) })
		return nil
	})
	if err := g.Wait(); err != nil {
		return err
	}
	return walked
}

// grep sends the matching lines of one file, of which it keeps at most a
// batch in memory. A file that can't be read has none.
func (s *Store) grep(ctx context.Context, name string, query []byte, send func([]Match) error) error {
	f, err := s.open(name)
	if err != nil {
		return nil
	}
	defer f.Close()
	r := bufio.NewReaderSize(reader{ctx, f}, 64<<10)
	if head, _ := r.Peek(512); bytes.IndexByte(head, 0) >= 0 {
		return nil // binary
	}
	var matches []Match
	for n := 1; err == nil; n++ {
		var line []byte
		line, err = r.ReadSlice('\n')
		if bytes.Contains(line, query) {
			matches = append(matches, Match{Path: name, Line: n, Text: cut(line)})
		}
		// Of a line longer than the buffer only the first part is searched.
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = r.ReadSlice('\n')
		}
		if len(matches) == batch || err != nil && len(matches) > 0 {
			if err := send(matches); err != nil {
				return err
			}
			matches = nil
		}
	}
	// The end of the file, or of what could be read of it; but a search that
	// was cut short must not look complete.
	return context.Cause(ctx)
}

// cut returns the start of a line as valid text without its line ending.
func cut(line []byte) string {
	line = bytes.TrimRight(line, "\r\n")
	line = line[:min(len(line), maxText)]
	return string(bytes.ToValidUTF8(line, []byte("?")))
}
