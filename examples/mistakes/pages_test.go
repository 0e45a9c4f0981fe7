package mistakes_test

// This file holds the pages of docs/mistakes against the code here: their blocks
// are these functions, and what belay-vet is said to find it finds.

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const pages = "../../docs/mistakes/"

// declarations returns the source of each declaration but imports, without its
// comment, by its name.
func declarations(source string) (map[string]string, error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "", source, 0)
	if err != nil {
		return nil, err
	}
	found := map[string]string{}
	for _, d := range file.Decls {
		name := ""
		switch d := d.(type) {
		case *ast.FuncDecl:
			if name = d.Name.Name; d.Recv != nil {
				receiver := d.Recv.List[0].Type
				name = source[fset.Position(receiver.Pos()).Offset:fset.Position(receiver.End()).Offset] + "." + name
			}
		case *ast.GenDecl:
			if d.Tok == token.IMPORT {
				continue
			}
			if spec, ok := d.Specs[0].(*ast.TypeSpec); ok {
				name = spec.Name.Name
			}
		}
		if name == "" || found[name] != "" {
			return nil, errors.New("a declaration without a name of its own: " + name)
		}
		found[name] = source[fset.Position(d.Pos()).Offset:fset.Position(d.End()).Offset]
	}
	return found, nil
}

var goBlock = regexp.MustCompile("(?s)```go\n(.*?)```")

// differences compares a page with the file that has its code.
func differences(page, code string) (different []string, err error) {
	want, err := declarations(code)
	if err != nil {
		return nil, err
	}
	var shown strings.Builder
	for _, block := range goBlock.FindAllStringSubmatch(page, -1) {
		shown.WriteString(block[1] + "\n")
	}
	got, err := declarations("package mistakes\n" + shown.String())
	if err != nil {
		return nil, err
	}
	for name, source := range want {
		if got[name] != source {
			different = append(different, name)
		}
	}
	for name := range got {
		if want[name] == "" {
			different = append(different, name)
		}
	}
	return different, nil
}

// read returns the pages and their code, by the pages' names.
func read(t *testing.T) (page, code map[string]string) {
	t.Helper()
	page, code = map[string]string{}, map[string]string{}
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, file := range files {
		if file == "doc.go" || strings.HasSuffix(file, "_test.go") {
			continue
		}
		name := strings.ReplaceAll(strings.TrimSuffix(file, ".go"), "_", "-")
		source, err := os.ReadFile(file)
		require.NoError(t, err)
		text, err := os.ReadFile(pages + name + ".md")
		require.NoError(t, err)
		page[name], code[name] = string(text), string(source)
	}
	require.Len(t, page, 19)
	return page, code
}

func TestEachPageShowsTheCodeThatIsTested(t *testing.T) {
	page, code := read(t)
	index, err := os.ReadFile(pages + "README.md")
	require.NoError(t, err)
	var tests strings.Builder
	files, err := filepath.Glob("*_test.go")
	require.NoError(t, err)
	for _, file := range files {
		source, err := os.ReadFile(file)
		require.NoError(t, err)
		tests.Write(source)
	}
	for name := range page {
		different, err := differences(page[name], code[name])
		require.NoError(t, err, name)
		require.Empty(t, different, name)
		require.Contains(t, string(index), "]("+name+".md)")
		shown := regexp.MustCompile("`(Test\\w+)`").FindAllStringSubmatch(page[name], -1)
		require.NotEmpty(t, shown, name)
		for _, by := range shown {
			require.Contains(t, tests.String(), "func "+by[1]+"(")
		}
	}
	there, err := filepath.Glob(pages + "*.md")
	require.NoError(t, err)
	require.Len(t, there, len(page)+1, "a page without code")
}

func TestAPageThatDiffersFromItsCodeIsFound(t *testing.T) {
	const code = "package mistakes\n\nfunc Wrong() { a() }\n\n// Right is right.\nfunc Right() {}\n"
	for _, c := range []struct {
		page string
		want []string
	}{
		{"```go\nfunc Wrong() { a() }\n```\nand\n```go\nfunc Right() {}\n```\n", nil},
		{"```go\nfunc Wrong() { b() }\n```\nand\n```go\nfunc Right() {}\n```\n", []string{"Wrong"}},
		{"```go\nfunc Wrong() { a() }\n```\n", []string{"Right"}},
		{"```go\nfunc Wrong() { a() }\n\nfunc Right() {}\n\nfunc More() {}\n```\n", []string{"More"}},
	} {
		got, err := differences(c.page, code)
		require.NoError(t, err)
		require.Equal(t, c.want, got)
	}
}

var (
	finding = regexp.MustCompile(`(?m)^examples/mistakes/(\w+)\.go:\d+:\d+: (\w+): `)
	claim   = regexp.MustCompile(`(?m)^\*\*Found by:\*\* belay-vet's \[(\w+)\]`)
)

// elsewhere are pages that name a check which doesn't find the form that they
// show, and say which form it finds.
var elsewhere = map[string]string{"deaf-semaphore": "chansem"}

func TestBelayVetFindsWhatThePagesSayItFinds(t *testing.T) {
	page, code := read(t)
	cmd := exec.Command("go", "run", "./cmd/belay-vet", "./examples/mistakes")
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "GOWORK=", "GOEXPERIMENT=") // belay-vet is in the workspace, and built already without
	out, err := cmd.CombinedOutput()
	require.Error(t, err, "it exits with 1 when it finds something: %s", out)
	found := map[string]string{}
	for _, f := range finding.FindAllStringSubmatch(string(out), -1) {
		name := strings.ReplaceAll(f[1], "_", "-")
		require.Empty(t, found[name], "two findings: %s", out)
		found[name] = f[2]
		require.Contains(t, code[name], "Wrong(", name)
	}
	for name, check := range elsewhere {
		require.Empty(t, found[name])
		found[name] = check
	}
	said := map[string]string{}
	for name, text := range page {
		if c := claim.FindStringSubmatch(text); c != nil {
			said[name] = c[1]
		}
	}
	require.Equal(t, said, found, "%s", out)
}
