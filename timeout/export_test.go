package timeout

// This file opens, to the tests alone, what no caller can bring about at will.

// Hold takes the lock of the group until the func that it returns is called, so
// that a Done that has brought the tasks to zero can't release anybody yet.
func (wg *WaitGroup) Hold() (letGo func()) {
	wg.mu.Lock()
	return wg.mu.Unlock
}
