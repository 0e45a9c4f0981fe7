package drive

// What a server says about itself on its admin address: the driver can see its
// answers, but not its goroutines.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// statusTime bounds one look.
const statusTime = 2 * time.Second

// adminOf asks a server for its admin address.
func adminOf(addr string) (string, error) {
	var version struct {
		Admin string `json:"admin"`
	}
	if err := getJSON("http://"+addr+"/version", &version); err != nil {
		return "", err
	}
	if version.Admin == "" {
		return "", errors.New("/version names no admin address")
	}
	return version.Admin, nil
}

// held is what a server holds at one instant.
type held struct {
	Goroutines  int    `json:"goroutines"`
	Descriptors int    `json:"descriptors"` // -1 where they can't be counted
	Memory      uint64 `json:"memory"`      // bytes of objects on the heap
	InFlight    int64  `json:"in_flight"`
}

// statusOf asks a server what it holds.
func statusOf(admin string) (held, error) {
	var s held
	err := getJSON("http://"+admin+"/state", &s)
	return s, err
}

// settled returns the status of a server that has nothing to do, as soon as
// enough says so or, if it never does, after a while: a server may need a
// moment to see that its clients have gone.
func settled(admin string, enough func(before, now held) bool) (held, error) {
	const polls, every = 40, 25 * time.Millisecond
	var before held
	for i := range polls {
		now, err := statusOf(admin)
		if err != nil || i > 0 && enough(before, now) {
			return now, err
		}
		before = now
		time.Sleep(every)
	}
	return before, nil
}

// steady says that nothing has changed since the last look.
func steady(before, now held) bool {
	return before.Goroutines == now.Goroutines && before.Descriptors == now.Descriptors
}

// getJSON makes one request on a connection of its own, which leaves nothing
// behind that a count could see.
func getJSON(url string, into any) error {
	ctx, cancel := context.WithTimeout(context.Background(), statusTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, "GET", url, nil)
	if err != nil {
		return err
	}
	transport := &http.Transport{DisableKeepAlives: true}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != 200 {
		return fmt.Errorf("GET %s: %s", url, response.Status)
	}
	if err := json.NewDecoder(response.Body).Decode(into); err != nil {
		return fmt.Errorf("GET %s: %w", url, err)
	}
	return nil
}
