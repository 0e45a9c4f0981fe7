package ctxutil

// This file puts the end of a context into words.

import (
	"context"
	"strings"
)

// Why says in one line why ctx is done, for a log: its Err, then its cause, then
// what the cause wraps, the outer before the inner, each only if what stands
// before does not say it already. It is "" while ctx is not done. Line breaks in
// the texts become "; ".
//
// It is for people to read; what a program has to know, it asks errors.Is and
// errors.As of [context.Cause]. Why never blocks, may be called concurrently, and
// panics if ctx is nil.
func Why(ctx context.Context) string {
	if ctx == nil {
		panic("ctxutil: Why of a nil context")
	}
	err := ctx.Err() // before the cause, which is set before or together with it
	if err == nil {
		return ""
	}
	line := oneLine(err.Error())
	appendChain(&line, context.Cause(ctx))
	return line
}

// appendChain appends the text of err, and of all that it wraps, as far as that
// is news.
func appendChain(line *string, err error) {
	if err == nil {
		return
	}
	if text := oneLine(err.Error()); !strings.Contains(*line, text) {
		*line += ": " + text
	}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		appendChain(line, e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, wrapped := range e.Unwrap() {
			appendChain(line, wrapped)
		}
	}
}

// oneLine joins the lines of text, without the empty ones.
func oneLine(text string) string {
	if !strings.ContainsAny(text, "\r\n") {
		return text
	}
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == '\r' || r == '\n' }), "; ")
}
