// Command debug asks for the timers of old.

//go:debug asynctimerchan=1
package main

import "time"

func main() {
	t := time.NewTimer(time.Second)
	if !t.Stop() {
		<-t.C
	}
}
