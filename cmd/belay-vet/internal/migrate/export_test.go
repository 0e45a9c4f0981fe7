package migrate

// This file opens what no sample can reach to the tests: a write that fails.

import "context"

// Edit is what is to become of a file.
func Edit(file, before, after string) edit {
	return edit{file: file, before: []byte(before), after: []byte(after)}
}

// Absent is the edit of a file that there was not.
func Absent(e edit) edit { e.absent = true; return e }

func Apply(ctx context.Context, edits ...edit) error { return apply(ctx, edits) }

// Rewrite is the change of one text.
func Rewrite(src string) (string, error) {
	paths := map[string]string{}
	for _, p := range pairs {
		paths[p.from] = p.to
	}
	out, err := rewrite([]byte(src), paths)
	return string(out), err
}

// Pairs are the packages and their twins.
func Pairs() map[string]string {
	paths := map[string]string{}
	for _, p := range pairs {
		paths[p.from] = p.to
	}
	return paths
}
