// Package hits has directives that don't say why.
package hits

import "time"

func bare() {
	time.Sleep(1) /* want "needs a reason" */ //belay:ignore
}

func blank() {
	/* want "needs a reason" */ //belay:ignore
	time.Sleep(1)
}
