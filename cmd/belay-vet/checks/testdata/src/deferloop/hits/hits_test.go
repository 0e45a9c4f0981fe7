package hits

// A lock that isn't let go hangs a test too.

import (
	"sync"
	"testing"
)

func TestLock(t *testing.T) {
	var mu sync.Mutex
	for range 3 {
		mu.Lock()
		defer mu.Unlock() // want "the second round waits for ever in Lock"
	}
}
