package drive

// What the requests ask for: a few real files of the folder, bodies to be
// echoed, and pauses, all of them a function of the request's number, so
// that every round asks the same.

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	sampleFiles   = 24       // most files that are asked for
	sampleBytes   = 64 << 10 // largest of them
	sampleFolder  = 12       // most files in the folder that is streamed
	sampleVisited = 20_000   // entries looked at before the walk gives up
)

// sample names files below the root, with slashes.
type sample struct {
	files []string
	dir   string // has files and no folders; empty if there is no such folder
}

// newSample picks files below root, the same ones as long as root is the same.
func newSample(root string) (sample, error) {
	if info, err := os.Stat(root); err != nil {
		return sample{}, err
	} else if !info.IsDir() {
		return sample{}, fmt.Errorf("%s: not a folder", root)
	}
	root, err := filepath.EvalSymlinks(root) // which a walk doesn't follow
	if err != nil {
		return sample{}, err
	}
	var s sample
	visited := 0
	err = filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if visited++; err != nil && path == root {
			return err
		}
		if visited > sampleVisited || len(s.files) == sampleFiles && s.dir != "" {
			return fs.SkipAll
		}
		if err != nil {
			return nil // what can't be read is not asked for
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		switch {
		case e.IsDir() && name != "." && strings.HasPrefix(e.Name(), "."):
			return fs.SkipDir // such as .git, which changes while we look
		case e.IsDir() && s.dir == "" && isLeaf(path):
			s.dir = name
		case e.Type().IsRegular() && len(s.files) < sampleFiles:
			if info, err := e.Info(); err == nil && info.Size() <= sampleBytes {
				s.files = append(s.files, name)
			}
		}
		return nil
	})
	if err != nil {
		return sample{}, err
	}
	if len(s.files) == 0 {
		return sample{}, fmt.Errorf("%s: %w", root, errNoFiles)
	}
	return s, nil
}

var errNoFiles = errors.New("no file of at most 64 KiB to ask for")

// isLeaf reports whether a folder holds a few files and no folder.
func isLeaf(dir string) bool {
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) == 0 || len(entries) > sampleFolder {
		return false
	}
	for _, e := range entries {
		if !e.Type().IsRegular() {
			return false
		}
	}
	return true
}

// file returns the file that the n-th request is for.
func (s sample) file(n int) string { return s.files[n%len(s.files)] }

// pause returns how long the n-th request takes on purpose: mostly not at
// all, and otherwise 5 to 50 ms, so that at any instant requests are in every
// state that a request can be in.
func pause(n int) time.Duration {
	if n%3 != 0 {
		return 0
	}
	return time.Duration(5+n*7%46) * time.Millisecond
}

// echoBody returns the body of the n-th echo: some hundred bytes that differ
// from those of the next one.
func echoBody(n int) []byte {
	return bytes.Repeat(fmt.Appendf(nil, "%07d ", n), 8+n%32)
}
