package belay_test

// This file keeps the Chinese README beside the English one: the same code, the
// same order of sections, the same links.

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	anyBlock = regexp.MustCompile("(?s)```\\w*\n.*?```")
	anyLink  = regexp.MustCompile(`\]\(([^)#]*)`)
)

// differs says in what a translated page is no longer the same as its original.
func differs(page, translated string) string {
	outline := func(text string) (headings []string) {
		for line := range strings.Lines(anyBlock.ReplaceAllString(text, "")) {
			if strings.HasPrefix(line, "#") {
				level, _, _ := strings.Cut(line, " ")
				headings = append(headings, level)
			}
		}
		return headings
	}
	links := func(text string) (found []string) {
		for _, m := range anyLink.FindAllStringSubmatch(text, -1) {
			if !strings.HasPrefix(m[1], "README") {
				found = append(found, m[1])
			}
		}
		slices.Sort(found)
		return slices.Compact(found)
	}
	switch {
	case !slices.Equal(anyBlock.FindAllString(page, -1), anyBlock.FindAllString(translated, -1)):
		return "code"
	case !slices.Equal(outline(page), outline(translated)):
		return "sections"
	case !slices.Equal(links(page), links(translated)):
		return "links"
	}
	return ""
}

func TestTheChineseReadmeIsTheSameReadme(t *testing.T) {
	read := func(name string) string {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		return string(text)
	}
	page, translated := read("README.md"), read("README.zh.md")
	require.Contains(t, page, "](README.zh.md)")
	require.Contains(t, translated, "](README.md)")
	require.Empty(t, differs(page, translated))

	for what, change := range map[string][2]string{
		"code":     {"g.SetLimit(8)", "g.SetLimit(9)"},
		"sections": {"\n## ", "\n### "},
		"links":    {"](timeout)", "](timeouts)"},
	} {
		require.Equal(t, what, differs(page, strings.Replace(translated, change[0], change[1], 1)))
	}
}
