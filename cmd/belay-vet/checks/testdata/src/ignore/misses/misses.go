// Package misses has directives with their reasons, and other words.
package misses

import "time"

func reasons() {
	time.Sleep(1) //belay:ignore the test of the clock itself
	//belay:ignore the loop lives as long as the process
	time.Sleep(1)
	//belay:ignored is another word
	// belay:ignore is a remark, as every directive with a blank in front of it
}
