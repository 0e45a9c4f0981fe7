package mistakes

// An Add inside the goroutine that it is about.

import "sync"

// UploadWrong may have returned before any of its goroutines got to its Add.
func UploadWrong(files []string, changed func(string) bool, upload func(string)) {
	var wg sync.WaitGroup
	for _, file := range files {
		go func() {
			if !changed(file) {
				return
			}
			wg.Add(1)
			defer wg.Done()
			upload(file)
		}()
	}
	wg.Wait()
}

// UploadRight counts before it starts: Go of a WaitGroup does both.
func UploadRight(files []string, changed func(string) bool, upload func(string)) {
	var wg sync.WaitGroup
	for _, file := range files {
		wg.Go(func() {
			if changed(file) {
				upload(file)
			}
		})
	}
	wg.Wait()
}
