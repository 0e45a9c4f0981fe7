package graceful

// The file in which Kubernetes looks for the last words of a container.

import (
	"errors"
	"io/fs"
	"os"
	"slices"
)

const (
	// terminationLog is terminationMessagePath's default.
	terminationLog = "/dev/termination-log"

	// mostTermination is what the kubelet reads of it, from its end.
	mostTermination = 4096
)

var errNotRegular = errors.New("not a regular file")

// terminationLog returns where the last words go; "" is nowhere.
func (o *Options) terminationLog() string {
	switch o.TerminationLog {
	case "":
		return terminationLog
	case "-":
		return ""
	}
	return o.TerminationLog
}

// writeTermination replaces what stands in the termination log. Where there is
// none, there is no Kubernetes either, and nothing is made.
func (r *run) writeTermination(text string) {
	path := r.m.opts.terminationLog()
	if path == "" {
		return
	}
	err := overwrite(path, cutText(text, mostTermination))
	if err == nil {
		r.wroteTermination = true
		return
	}
	expected := r.m.opts.TerminationLog == "" && errors.Is(err, fs.ErrNotExist)
	if !expected && !r.lostTermination {
		r.lostTermination = true
		r.log.Warn("graceful: termination log not written", "err", err)
	}
}

// overwrite replaces the content of a regular file that exists. Nobody finds it
// empty meanwhile: it is cut after it was written. It is not opened in a way
// that waits, as for a reader of a pipe.
func overwrite(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|openAtOnce, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return &os.PathError{Op: "write", Path: path, Err: errNotRegular}
	}
	if _, err := f.WriteAt([]byte(text), 0); err != nil {
		return err
	}
	return f.Truncate(int64(len(text)))
}

// brief is the report's table; if that is longer than most, without the
// components that stopped well: the others must not be what is cut off.
func (r Report) brief(most int) string {
	text := r.String()
	if len(text) <= most {
		return text
	}
	r.Components = slices.DeleteFunc(slices.Clone(r.Components), func(c Result) bool {
		return c.Outcome == "stopped" || c.Outcome == "never started"
	})
	return r.String()
}
