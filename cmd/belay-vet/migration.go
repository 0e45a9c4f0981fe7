package main

// This file is the way into the migration.

import (
	"context"
	"io"
	"os"
	"os/signal"
	"strings"

	"github.com/belay-go/belay/cmd/belay-vet/internal/migrate"
)

// migration moves the packages over, or back, and prints what it did. That some
// imports stay is no failure.
func migration(c call, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	flags, patterns := c.vet, []string(nil)
	for i := 0; i < len(c.vet); i++ {
		name := strings.TrimLeft(c.vet[i], "-")
		if name == c.vet[i] || name == "" {
			flags, patterns = c.vet[:i], c.vet[i:]
			break
		}
		if takesValue(name) {
			i++
		}
	}
	report, err := migrate.Run(ctx, migrate.Options{
		Dir: c.dir, Patterns: patterns, Flags: flags, Apply: c.fix, Revert: c.revert,
	})
	if err != nil {
		return fail(stderr, found, err)
	}
	if _, err := report.WriteTo(stdout); err != nil {
		return fail(stderr, found, err)
	}
	return clean
}
