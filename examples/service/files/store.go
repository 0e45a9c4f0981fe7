// Package files hashes and searches the files below one folder: the work
// that the example service does for its clients.
//
// Everything is named by a path relative to the folder, with slashes. A path
// that leaves the folder, by dots, by a leading slash or through a symbolic
// link, is refused with [ErrOutside] by the operating system's own resolution
// of the path ([os.Root]), not by looking at its text.
//
// A call that reads many files reads a bounded number of them at a time, on
// goroutines that have all ended when the call returns. A done context ends
// a call between two blocks of a file, with the context's error.
//
// It does not follow symbolic links while walking, does not read anything but
// regular files, caches nothing and watches nothing.
package files

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"syscall"
)

var (
	// ErrOutside: the path leaves the folder.
	ErrOutside = errors.New("files: path leaves the folder")
	// ErrKind: what is there is not what the call needs, such as a folder
	// where a file is hashed.
	ErrKind = errors.New("files: not a file of the right kind")
)

// maxPath is the longest path that is looked at, in bytes: Linux's own limit,
// checked here so that the answer is the same everywhere.
const maxPath = 4096

// Store reads the files below one folder. It is safe for concurrent use and
// must be closed. Nothing is ordered by it: it writes nothing.
type Store struct {
	root    *os.Root
	workers int   // most files open at once in one call
	outside error // what root returns for a path that leaves it
}

// Open returns the Store of the folder dir, whose calls read at most workers
// files at a time each; it panics if that is less than one. The error is the
// operating system's, as [os.OpenRoot] returns it.
func Open(dir string, workers int) (*Store, error) {
	if workers < 1 {
		panic("files: a store needs at least one worker")
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	// os keeps its error for an escape to itself, so ask for one.
	s := &Store{root: root, workers: workers}
	_, err = root.Stat("..")
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		s.outside = pe.Err
	}
	return s, nil
}

// Close closes the folder. Calls that still run fail or finish.
func (s *Store) Close() error { return s.root.Close() }

// open opens a regular file for reading. What it is gets looked at first,
// because opening a named pipe would block until somebody writes to it.
func (s *Store) open(name string) (*os.File, error) {
	info, err := s.stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "open", Path: name, Err: ErrKind}
	}
	f, err := s.root.Open(name)
	if err != nil {
		return nil, s.explain("open", name, err)
	}
	return f, nil
}

func (s *Store) stat(name string) (fs.FileInfo, error) {
	if len(name) > maxPath {
		return nil, &fs.PathError{Op: "stat", Path: name[:64] + "...", Err: syscall.ENAMETOOLONG}
	}
	info, err := s.root.Stat(name)
	if err != nil {
		return nil, s.explain("stat", name, err)
	}
	return info, nil
}

// explain turns what os.Root says into the few errors that callers tell
// apart: ErrOutside, fs.ErrNotExist, fs.ErrPermission, and the rest.
func (s *Store) explain(op, name string, err error) error {
	switch {
	case errors.Is(err, s.outside):
		err = ErrOutside
	case errors.Is(err, syscall.ENOTDIR): // a file in the middle of the path
		err = fs.ErrNotExist
	default:
		return err
	}
	return &fs.PathError{Op: op, Path: name, Err: err}
}

// walk calls visit with every regular file below dir, in order, until visit
// returns an error or ctx is done. What can't be listed is passed to visit
// with the reason.
func (s *Store) walk(ctx context.Context, dir string, visit func(name string, err error) error) error {
	info, err := s.stat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return &fs.PathError{Op: "walk", Path: dir, Err: ErrKind}
	}
	return fs.WalkDir(s.root.FS(), path.Clean(dir), func(name string, d fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			return visit(name, err)
		case d.Type().IsRegular():
			return visit(name, nil)
		}
		return nil
	})
}

// reader makes every read of a long copy ask first whether ctx is done.
type reader struct {
	ctx context.Context
	r   io.Reader
}

func (r reader) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.r.Read(p)
}
