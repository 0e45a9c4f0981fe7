package drive

// Numbers for people.

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// count writes 41208 as 41,208.
func count(n int) string {
	digits := strconv.Itoa(n)
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}

// short writes a count in at most five columns, if it is below a million:
// 999, 3.1k, 14k.
func short(n int) string {
	switch {
	case n < 1_000:
		return strconv.Itoa(n)
	case n < 9_950:
		return fmt.Sprintf("%.1fk", float64(n)/1e3)
	default:
		return fmt.Sprintf("%.0fk", float64(n)/1e3)
	}
}

// span writes a duration as 0.2 ms, 31 ms, 3.0 s or 28 s.
func span(d time.Duration) string {
	ms := float64(d) / float64(time.Millisecond)
	switch {
	case ms < 9.95:
		return fmt.Sprintf("%.1f ms", ms)
	case ms < 999.5:
		return fmt.Sprintf("%.0f ms", ms)
	case ms < 9_950:
		return fmt.Sprintf("%.1f s", ms/1e3)
	default:
		return fmt.Sprintf("%.0f s", ms/1e3)
	}
}

// size writes bytes as 3.4 MiB.
func size(bytes uint64) string { return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20)) }

// clip cuts a line that is too wide, and shows that it did.
func clip(line string, columns int) string {
	runes := []rune(line)
	if len(runes) <= columns {
		return line
	}
	return string(runes[:columns-3]) + "..."
}

// wrap breaks a text at spaces into lines of so many columns, indented by
// depth, and further from the second line on. A word is never broken.
func wrap(text string, depth, columns int) (lines []string) {
	margin := strings.Repeat(" ", depth)
	for len(margin)+len(text) > columns {
		at := strings.LastIndexByte(text[:max(columns-len(margin)+1, 0)], ' ')
		if at <= 0 { // the first word alone is too long
			if at = strings.IndexByte(text, ' '); at < 0 {
				break
			}
		}
		lines = append(lines, strings.TrimRight(margin+text[:at], " "))
		text = strings.TrimLeft(text[at:], " ")
		margin = strings.Repeat(" ", depth+6)
	}
	return append(lines, margin+text)
}
