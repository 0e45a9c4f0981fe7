package errgroup

// This file reads the switches of BELAYDEBUG.

import (
	"os"
	"strings"
)

// freshGoroutines is the switch for an incident: BELAYDEBUG=freshgoroutine=1
// runs every task of every group on a goroutine of its own. Read once, at the
// start of the process.
var freshGoroutines = debugSetting(os.Getenv("BELAYDEBUG"), "freshgoroutine") == "1"

// debugSetting returns the value of a key in a list of key=value pairs
// separated by commas, as in GODEBUG; the last one counts.
func debugSetting(list, key string) (value string) {
	for pair := range strings.SplitSeq(list, ",") {
		if k, v, ok := strings.Cut(pair, "="); ok && k == key {
			value = v
		}
	}
	return value
}
